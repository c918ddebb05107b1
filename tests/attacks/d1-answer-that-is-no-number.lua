-- NaN and the infinities are floats.
-- must: error a float
return { hook = "attack.run", api = 1, decide = function()
  return { 0 / 0, 1 / 0, -1 / 0 }
end }
