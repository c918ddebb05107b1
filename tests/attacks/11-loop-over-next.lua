-- An iterator that never says nil.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  for _ in function() return 1 end do end
end }
