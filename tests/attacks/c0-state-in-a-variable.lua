-- A counter outside of the function.
-- must: refused purity: assigns 'calls'
local calls = 0
return { hook = "attack.run", api = 1, decide = function()
  calls = calls + 1
  return { n = calls }
end, cases = { { name = "one", input = {}, want = {} }, { name = "two", input = {}, want = {} } } }
