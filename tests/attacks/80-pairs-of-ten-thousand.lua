-- As many as are allowed, over and over; their keys are long and equal up to the end.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  local t, prefix = {}, ("x"):rep(60)
  for i = 1, 6000 do
    t[prefix .. i] = i
  end
  while true do
    pairs(t)
  end
end }
