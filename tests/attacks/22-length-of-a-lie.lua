-- __len = 2^50 would make insert, remove and concat loop: there is no setmetatable.
-- must: error has no 'setmetatable'
return { hook = "attack.run", api = 1, decide = function()
  table.insert(setmetatable({}, { __len = function() return 1 << 50 end }), 1, 2)
end }
