-- More values than a stack has places; from both ends of the integers.
-- must: error table: at most 10000 entries
return { hook = "attack.run", api = 1, decide = function()
  return { select("#", table.unpack({}, math.mininteger, math.maxinteger)) }
end }
