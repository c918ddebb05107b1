-- A file that takes all memory when it is loaded.
-- must: refused not enough memory
local t = {}
for i = 1, math.maxinteger do
  t[i] = { i }
end
return t
