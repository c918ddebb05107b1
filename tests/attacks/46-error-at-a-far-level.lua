-- Levels of the stack that are not there.
-- must: error no such level
return { hook = "attack.run", api = 1, decide = function()
  pcall(error, "x", -1)
  error("no such level", 1 << 30)
end }
