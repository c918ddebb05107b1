-- Neither a list nor a map; and a list with holes.
-- must: error key
return { hook = "attack.run", api = 1, decide = function()
  return { 1, 2, x = 3, [7] = 4, [true] = 5 }
end }
