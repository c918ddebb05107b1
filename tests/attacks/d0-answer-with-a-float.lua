-- Half of anything is no money.
-- must: error a float
return { hook = "attack.run", api = 1, decide = function()
  return { total = 1 / 2 }
end }
