-- A rule needs a function, not something that could be called.
-- must: refused has no function decide
return { hook = "attack.run", api = 1, decide = "decide" }
