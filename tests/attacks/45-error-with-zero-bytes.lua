-- The message ends where C thinks it does, and no further.
-- must: error a/rules.lua:
return { hook = "attack.run", api = 1, decide = function()
  error("\0\0\0" .. ("%s%n"):rep(1000))
end }
