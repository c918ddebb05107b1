-- As many and as long as are allowed, in a loop.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  local t = {}
  for i = 1, 4000 do
    t[i] = ("x"):rep(200) .. i % 10
  end
  while true do
    table.sort(t)
  end
end }
