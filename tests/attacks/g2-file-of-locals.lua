-- More variables than a function may have.
-- must: refused syntax: too many local variables
-- made
local t = {}
for i = 1, 201 do
  t[i] = "local a" .. i .. " = " .. i
end
return table.concat(t, "\n")
