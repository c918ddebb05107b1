-- A text that doubles.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  local s = "x"
  while true do
    s = s .. s
  end
end }
