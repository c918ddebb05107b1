-- A long text is hashed when it becomes a key.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  local s = ("x"):rep(65536)
  s = s .. s .. s .. s
  while true do
    local t = { [s .. "a"] = 1 }
    t[s .. "b"] = 2
  end
end }
