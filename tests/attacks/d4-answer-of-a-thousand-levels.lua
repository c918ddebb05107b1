-- A table in a table in a table.
-- must: error deep
return { hook = "attack.run", api = 1, decide = function()
  local t = {}
  for _ = 1, 1000 do
    t = { t }
  end
  return t
end }
