-- Sorting the keys has a bound.
-- must: error pairs: at most 10000 entries
return { hook = "attack.run", api = 1, decide = function()
  local t = {}
  for i = 1, 10001 do
    t[i] = i
  end
  for _ in pairs(t) do
    return {}
  end
end }
