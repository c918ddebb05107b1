-- Asking for them is an error, not something else than was meant.
-- must: error there are no patterns here
return { hook = "attack.run", api = 1, decide = function()
  return { ("aaa"):find(".-b", 1, false) }
end }
