-- Ten thousand different constants in one function: no attack, and it works.
-- must: answer {"n":8000}
-- made
local t = {}
for i = 1, 8000 do
  t[i] = "'" .. i .. "'"
end
return "return { hook = 'attack.run', api = 1, decide = function() return { n = #{" .. table.concat(t, ",") .. "} } end }"
