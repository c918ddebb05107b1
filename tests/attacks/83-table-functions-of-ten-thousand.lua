-- move, concat, insert and remove at the bound, in a loop.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  local t = {}
  for i = 1, 9990 do
    t[i] = i
  end
  while true do
    table.move(t, 1, 9990, 2)
    table.remove(t, 1)
    table.insert(t, 1, 0)
    table.remove(t, 1)
    table.concat(t, ",")
  end
end }
