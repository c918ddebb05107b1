-- Thousands of jumps to thousands of labels.
-- must: refused syntax: no visible label
-- made
local t = {}
for i = 1, 3000 do
  t[#t + 1] = ("goto a%d ::b%d::"):format(i, i)
end
return table.concat(t, "\n")
