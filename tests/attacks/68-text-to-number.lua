-- 64 KiB of digits in base 36, for ever.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  local s = ("z"):rep(65536)
  while true do
    tonumber(s, 36)
    tonumber(s)
  end
end }
