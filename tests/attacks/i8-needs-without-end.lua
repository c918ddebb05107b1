-- A thousand capabilities.
-- must: refused there is no capability 'x1'
local needs = {}
for i = 1, 1000 do
  needs[i] = "x" .. i
end
return { hook = "attack.run", api = 1, needs = needs, decide = function() return {} end }
