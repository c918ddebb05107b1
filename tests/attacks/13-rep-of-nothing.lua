-- 2^40 times nothing is a loop in C, where no hook looks.
-- must: error string.rep: the result would be longer
return { hook = "attack.run", api = 1, decide = function()
  return { ("").rep("", 1 << 40) }
end }
