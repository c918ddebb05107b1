-- Positions beyond both ends.
-- must: answer {"far":0,"near":false}
return { hook = "attack.run", api = 1, decide = function()
  return { near = pcall(select, math.mininteger, 1, 2), far = select("#", select(math.maxinteger, 1, 2)) }
end }
