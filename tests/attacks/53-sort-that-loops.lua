-- The order takes its time.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  table.sort({ 3, 2, 1 }, function()
    while true do end
  end)
end }
