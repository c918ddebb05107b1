-- What pairs, next and unpack hand out of a frozen table is frozen, too.
-- must: answer {"n":0}
local kept = { one = { 1 }, two = { 2 } }
return { hook = "attack.run", api = 1, decide = function()
  local n = 0
  for _, value in pairs(kept) do
    n = n + (pcall(function() value[1] = 0 end) and 1 or 0)
  end
  local _, first = next(kept)
  n = n + (pcall(function() first[1] = 0 end) and 1 or 0)
  local list = { kept.one, kept.two }
  table.sort(list, function(x, y) return x[1] > y[1] end)
  n = n + (pcall(function() list[1][1] = 0 end) and 1 or 0)
  return { n = n }
end }
