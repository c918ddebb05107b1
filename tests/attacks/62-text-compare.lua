-- Two long texts that are equal up to their last byte, compared for ever.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  local s = ("x"):rep(65536)
  s = s .. s .. s .. s
  local a, b = s .. "a", s .. "b"
  while true do
    local _ = a < b
  end
end }
