-- Digits that go on for 60,000 places.
-- must: refused syntax: malformed number
-- made
return "return 0x" .. ("f"):rep(60000) .. "g"
