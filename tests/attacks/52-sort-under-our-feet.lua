-- The order takes the table apart while it is sorted.
-- must: end
return { hook = "attack.run", api = 1, decide = function()
  local t = {}
  for i = 1, 1000 do
    t[i] = i
  end
  table.sort(t, function(a, b)
    t[#t] = nil
    t[1] = a
    return (a or 0) < (b or 0)
  end)
  return { n = #t }
end }
