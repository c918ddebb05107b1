-- One byte too many.
-- must: refused limit: 65537 bytes
-- made
return "return {}" .. (" "):rep(65537 - 9)
