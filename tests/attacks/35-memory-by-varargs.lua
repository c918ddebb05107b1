-- Ten thousand arguments, passed on to the next call each time.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  local function more(...)
    return more(1, ...)
  end
  more(table.unpack({}, 1, 10000))
end }
