-- A table that holds itself.
-- must: error deep
return { hook = "attack.run", api = 1, decide = function()
  local t = {}
  t.t = t
  return t
end }
