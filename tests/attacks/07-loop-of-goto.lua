-- The loop without a loop.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  ::again::
  goto again
end }
