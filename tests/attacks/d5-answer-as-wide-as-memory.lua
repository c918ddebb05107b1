-- As many values as fit.
-- must: end
return { hook = "attack.run", api = 1, decide = function()
  local t = {}
  for i = 1, 60000 do
    t[i] = i
  end
  return t
end }
