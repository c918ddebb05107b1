-- An order in which everything is before everything.
-- must: end
return { hook = "attack.run", api = 1, decide = function()
  local t = {}
  for i = 1, 1000 do
    t[i] = i % 7
  end
  table.sort(t, function() return true end)
  return { #t }
end }
