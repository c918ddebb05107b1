-- A loop that never ends.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  while true do end
end }
