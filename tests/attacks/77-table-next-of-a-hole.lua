-- next must go past all that was removed, from the start each time.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  local t = {}
  for i = 1, 30000 do
    t[i] = i
  end
  for i = 1, 29999 do
    t[i] = nil
  end
  while true do
    next(t)
  end
end }
