-- The separator counts, too.
-- must: error string.rep: the result would be longer
return { hook = "attack.run", api = 1, decide = function()
  return { ("").rep("", 60000, ("x"):rep(60000)) }
end }
