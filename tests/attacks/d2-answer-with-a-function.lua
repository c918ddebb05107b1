-- Code is no data.
-- must: error a function
return { hook = "attack.run", api = 1, decide = function()
  return { run = function() end }
end }
