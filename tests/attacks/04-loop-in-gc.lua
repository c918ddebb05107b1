-- A finalizer runs with hooks off: there is no setmetatable.
-- must: error has no 'setmetatable'
return { hook = "attack.run", api = 1, decide = function()
  setmetatable({}, { __gc = function()
    while true do end
  end })
  for _ = 1, 1000 do
    local _ = { {} }
  end
end }
