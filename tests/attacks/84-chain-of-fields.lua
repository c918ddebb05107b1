-- An error at the end of a chain of 30,000 fields: naming it takes Lua a second, in one C call.
-- must: refused limit: more than 32 steps from one name
-- made
return "local t = {} t.a = t return { hook = 'attack.run', api = 1, decide = function()\n"
  .. "  return { t" .. (".a"):rep(30000) .. ".b.c }\nend }"
