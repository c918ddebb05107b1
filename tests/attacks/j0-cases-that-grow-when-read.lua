-- Golden cases whose tables stand in 10^15 places.
-- must: refused the cases of attack.run
local t = { 1 }
for _ = 1, 12 do
  t = { t, t, t, t, t, t, t, t, t, t }
end
return { hook = "attack.run", api = 1, decide = function() return {} end, cases = { { name = "x", input = t, want = {} } } }
