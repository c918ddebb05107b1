-- assert passes its second value on, whatever it is.
-- must: error the error is not a text
return { hook = "attack.run", api = 1, decide = function()
  assert(false, function() end)
end }
