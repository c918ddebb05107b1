-- The libraries and capabilities themselves.
-- must: error a function
return { hook = "attack.run", api = 1, needs = { "text" }, decide = function(_, cap)
  return { cap = cap, string = string, env = _ENV }
end }
