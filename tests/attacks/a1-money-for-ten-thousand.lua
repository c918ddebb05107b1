-- Shares for as many as are allowed, in a loop.
-- must: limit
return { hook = "attack.run", api = 1, needs = { "money" }, decide = function(_, cap)
  local weights = {}
  for i = 1, 1000 do
    weights[i] = math.maxinteger // 1000
  end
  while true do
    pcall(cap.money.allocate, math.maxinteger, weights)
    pcall(cap.money.split, math.maxinteger, 1000)
  end
end }
