-- A for that does not step.
-- must: error 'for' step is zero
return { hook = "attack.run", api = 1, decide = function()
  for _ = 1, 10, 0 do end
end }
