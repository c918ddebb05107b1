-- A stack without an end.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  local function down(n)
    return 1 + down(n + 1)
  end
  return { down(1) }
end }
