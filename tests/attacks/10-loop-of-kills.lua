-- Every level of a deep recursion catches, then loops: all of them must go.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  local function nest(n)
    if n > 0 then
      pcall(nest, n - 1)
    end
    while true do end
  end
  nest(100)
end }
