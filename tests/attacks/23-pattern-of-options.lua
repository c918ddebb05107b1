-- An exponential pattern: here it is a plain text that is not found.
-- must: answer {"at":0}
return { hook = "attack.run", api = 1, decide = function()
  return { at = string.find(("a"):rep(28), ("a?"):rep(28) .. ("a"):rep(28)) or 0 }
end }
