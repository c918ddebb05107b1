-- Long texts are compared byte by byte.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  local s = ("x"):rep(65536)
  s = s .. s .. s .. s
  local a, b = s .. "a", s .. "a"
  while true do
    local _ = a == b
  end
end }
