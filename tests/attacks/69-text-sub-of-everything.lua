-- Copies of a long text that differ by a byte.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  local s = ("x"):rep(65536)
  s = s .. s .. s .. s
  while true do
    for i = 1, 100 do
      local _ = s:sub(i)
    end
  end
end }
