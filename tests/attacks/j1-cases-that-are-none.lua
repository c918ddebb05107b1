-- Something else where golden cases should be.
-- must: refused case: attack.run, case 1: the case says neither want nor error
return { hook = "attack.run", api = 1, decide = function() return {} end, cases = { 7, "x", { input = 7 } } }
