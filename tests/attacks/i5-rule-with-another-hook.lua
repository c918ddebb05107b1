-- A hook that nobody has declared; and the one that is asked has no rule.
-- must: refused hook: nobody asks the hook attack.other
return { hook = "attack.other", api = 1, decide = function() return {} end }
