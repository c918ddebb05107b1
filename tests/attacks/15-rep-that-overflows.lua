-- Length times count is more than a size_t holds.
-- must: error string.rep: the result would be longer
return { hook = "attack.run", api = 1, decide = function()
  return { ("xxxx"):rep(1 << 62) }
end }
