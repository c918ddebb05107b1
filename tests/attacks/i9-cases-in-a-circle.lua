-- A golden case that holds itself.
-- must: refused the cases of attack.run
local case = { name = "circle", input = {}, want = {} }
case.input.case = case
return { hook = "attack.run", api = 1, decide = function() return {} end, cases = { case } }
