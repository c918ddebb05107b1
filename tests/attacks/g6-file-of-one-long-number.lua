-- The same without a fault: Lua reads it, as a float.
-- must: error a float
-- made
return "return { hook = 'attack.run', api = 1, decide = function() return { " .. ("9"):rep(60000) .. " } end }"
