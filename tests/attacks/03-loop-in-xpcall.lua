-- A handler that loops would run inside the hook, where hooks are off: there is no xpcall.
-- must: error has no 'xpcall'
return { hook = "attack.run", api = 1, decide = function()
  local function loop()
    while true do end
  end
  return xpcall(loop, loop)
end }
