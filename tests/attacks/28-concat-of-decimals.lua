-- Our own values have no metamethod for it either: an error, not that crash.
-- must: error attempt to concatenate
return { hook = "attack.run", api = 1, needs = { "decimal" }, decide = function(_, cap)
  local function deep(n)
    return n == 0 and "" or deep(n - 1) .. cap.decimal.new("1") .. "x"
  end
  return { deep(100) }
end }
