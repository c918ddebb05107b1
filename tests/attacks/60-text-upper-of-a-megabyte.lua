-- A hundred instructions are a hundred copies of a long text.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  local s = ("x"):rep(65536)
  s = s .. s .. s .. s
  s = s .. s
  while true do
    s:upper()
  end
end }
