-- Nine quintillion turns; and a loop that would have to overflow to go on, which ends.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  local n = 0
  for _ = math.maxinteger - 1, math.maxinteger do
    n = n + 1
  end
  assert(n == 2)
  for _ = 1, math.maxinteger do
    n = n + 1
  end
end }
