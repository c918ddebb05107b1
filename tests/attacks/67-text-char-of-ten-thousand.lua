-- Ten thousand numbers to a text and back.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  local t = {}
  for i = 1, 10000 do
    t[i] = 65
  end
  while true do
    select("#", string.char(table.unpack(t)):byte(1, -1))
  end
end }
