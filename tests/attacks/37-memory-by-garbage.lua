-- Never much at once, but without an end.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  while true do
    local _ = { { {} }, ("x"):rep(100) }
  end
end }
