-- A text in long brackets that does not end.
-- must: refused syntax: unfinished long string
-- made
return "return [" .. ("="):rep(30000) .. "[" .. ("]"):rep(30000)
