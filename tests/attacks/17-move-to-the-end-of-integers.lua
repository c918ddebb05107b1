-- A range of 2^63 entries that do not exist.
-- must: error table: at most 10000 entries
return { hook = "attack.run", api = 1, decide = function()
  table.move({}, 1, math.maxinteger - 1, 2, {})
end }
