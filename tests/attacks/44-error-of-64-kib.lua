-- A long message, caught again and again.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  while true do
    pcall(error, ("x"):rep(65536))
  end
end }
