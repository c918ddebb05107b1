-- A width that would fill the memory.
-- must: error invalid conversion
return { hook = "attack.run", api = 1, decide = function()
  return { ("%999999999d"):format(1) }
end }
