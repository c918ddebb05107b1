-- Sixty thousand open brackets.
-- must: refused syntax: C stack overflow
-- made
return "return " .. ("("):rep(60000)
