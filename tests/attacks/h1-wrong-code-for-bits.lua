-- Lua 5.4.4 compiles 1 ~ (a or b) wrongly in a function with many constants.
-- must: refused lua: & | or ~ in a function with more than 255 constants
-- made
local t = {}
for i = 1, 257 do
  t[i] = i .. ".5"
end
return "return { hook = 'attack.run', api = 1, decide = function(i) local x = {" .. table.concat(t, ",")
  .. "} return { n = 1 ~ (i.n or 3), x = #x } end }"
