-- Tables in tables in tables.
-- must: refused syntax: C stack overflow
-- made
return "return " .. ("{"):rep(60000)
