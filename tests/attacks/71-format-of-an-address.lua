-- %p prints where things are in memory.
-- must: error the conversion '%p' is not available
return { hook = "attack.run", api = 1, decide = function()
  return { ("%p"):format({}) }
end }
