-- Minus signs, which nest.
-- must: refused syntax: C stack overflow
-- made
return "return " .. ("- "):rep(30000) .. "1"
