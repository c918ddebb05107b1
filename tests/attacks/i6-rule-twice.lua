-- Two rules for one hook.
-- must: refused the hook attack.run has a rule already
local rule = { hook = "attack.run", api = 1, decide = function() return {} end }
return { rule, { hook = "attack.run", api = 1, decide = rule.decide } }
