-- The same with a name.
-- must: error bytes of text
return { hook = "attack.run", api = 1, decide = function()
  local s, t = ("x"):rep(65536), {}
  local named = { [s .. s .. s .. s] = 1 }
  for i = 1, 9000 do
    t[i] = named
  end
  return t
end }
