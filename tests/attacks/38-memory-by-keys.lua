-- A million names.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  local t = {}
  for i = 1, math.maxinteger do
    t["k" .. i] = true
  end
end }
