-- A coroutine does not inherit a hook that is set later: there are none.
-- must: error has no 'coroutine'
return { hook = "attack.run", api = 1, decide = function()
  return coroutine.wrap(function()
    while true do end
  end)()
end }
