-- A table that grows.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  local t = {}
  for i = 1, math.maxinteger do
    t[i] = i
  end
end }
