-- Lua compares such texts piece by piece, each from the zero byte on.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  local s = ("\0"):rep(65536)
  s = s .. s
  local a, b = s .. "a", s .. "b"
  while true do
    local _ = a < b
  end
end }
