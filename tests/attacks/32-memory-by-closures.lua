-- Functions that keep each other.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  local f
  while true do
    local g = f
    f = function() return g end
  end
end }
