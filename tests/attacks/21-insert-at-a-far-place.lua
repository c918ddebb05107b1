-- Shifting up from a place that is not there.
-- must: error table: at most 10000 entries
return { hook = "attack.run", api = 1, decide = function()
  table.insert({}, 1 << 50, 1)
end }
