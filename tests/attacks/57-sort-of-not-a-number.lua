-- NaN is before nothing and after nothing.
-- must: end
return { hook = "attack.run", api = 1, decide = function()
  local nan, t = 0 / 0, {}
  for i = 1, 1000 do
    t[i] = i % 2 == 0 and nan or i
  end
  table.sort(t)
  return { #t }
end }
