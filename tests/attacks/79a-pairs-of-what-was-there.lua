-- A table that was big and is empty: each step over it goes over all its places.
-- must: limit or error
return { hook = "attack.run", api = 1, decide = function()
  local t = {}
  for i = 1, 16000 do t["k" .. i] = i end
  for i = 1, 16000 do t["k" .. i] = nil end
  while true do
    next(t) next(t) next(t) next(t) next(t) next(t) next(t) next(t)
  end
end }
