-- The same with the steps inside of brackets.
-- must: refused limit: more than 32 steps from one name
-- made
return "local t = {} t.a = t return { hook = 'attack.run', api = 1, decide = function()\n"
  .. "  return { t" .. ("[t.a and 'a']"):rep(1000) .. ("[t.a.a.k]"):rep(2000) .. " }\nend }"
