-- More variables of outer functions than a function may have.
-- must: refused syntax: too many upvalues
-- made
local t = { "return function()" }
for f = 1, 2 do
  for i = 1, 150 do
    t[#t + 1] = ("local a%d_%d = 1"):format(f, i)
  end
  t[#t + 1] = "return function()"
end
for f = 1, 2 do
  for i = 1, 150 do
    t[#t + 1] = ("a%d_%d()"):format(f, i)
  end
end
return table.concat(t, "\n") .. " end end end"
