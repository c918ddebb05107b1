-- A full table in which one key goes and another comes: Lua builds it anew each time.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  local t, n = {}, 1 << 14
  for i = 1, n do
    t["k" .. i] = true
  end
  for i = 1, math.maxinteger do
    t["k" .. i] = nil
    t["k" .. n + i] = true
  end
end }
