-- Functions in functions in functions.
-- must: refused syntax: C stack overflow
-- made
return "return " .. ("function() return "):rep(3500)
