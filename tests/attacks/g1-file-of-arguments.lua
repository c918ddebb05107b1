-- A call with more arguments than there are registers.
-- must: refused syntax: function or expression needs too many registers
-- made
return "local a = 'x' return { hook = 'attack.run', api = 1, decide = function() return { type(a" .. (",a"):rep(300) .. ") } end }"
