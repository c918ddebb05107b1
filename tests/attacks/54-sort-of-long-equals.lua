-- Comparing equal texts reads them to their ends, in one C call for the whole table.
-- must: error texts have at most 256 bytes
return { hook = "attack.run", api = 1, decide = function()
  local t, text = {}, ("x"):rep(60000)
  for i = 1, 10000 do
    t[i] = text
  end
  table.sort(t)
  return { #t }
end }
