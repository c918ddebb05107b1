-- The same by pcall, which catches each overflow and tries again.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  local function deep()
    pcall(deep)
    pcall(deep)
  end
  deep()
end }
