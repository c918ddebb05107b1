-- A hook of ten thousand letters.
-- must: refused hook must be a name
return { hook = ("x"):rep(10000), api = 1, decide = function() return {} end }
