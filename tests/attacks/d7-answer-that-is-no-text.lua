-- Bytes that are no UTF-8 have no JSON.
-- must: error UTF-8
return { hook = "attack.run", api = 1, decide = function()
  return { name = "\xff\xfe\xc0\x80" }
end }
