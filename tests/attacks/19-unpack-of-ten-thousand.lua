-- As many values as are allowed, over and over.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  while true do
    select("#", table.unpack({}, 1, 10000))
  end
end }
