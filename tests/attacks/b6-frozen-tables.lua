-- A table of the file is read-only in a call: every way to write it raises, and reading goes on.
-- must: answer {"n":0,"sum":6}
-- calls: 2
local kept = { 1, 2, 3, inner = { list = { 1 } } }
return { hook = "attack.run", api = 1, decide = function(input)
  local n, sum = 0, 0
  for _, write in ipairs({
    function() kept[1] = 2 end, function() kept.x = input end, function() kept.inner.list[2] = 1 end,
    function() kept.inner = nil end, function() table.insert(kept, 4) end, function() table.remove(kept) end,
    function() table.sort(kept, function(a, b) return a > b end) end, function() table.move({ 9 }, 1, 1, 1, kept) end,
    function() table.insert(kept.inner.list, 1, 0) end, function() kept["x" .. 1] = 1 end,
  }) do
    n = n + (pcall(write) and 1 or 0)
  end
  for _, value in ipairs(kept) do
    sum = sum + value
  end
  return { n = n, sum = sum }
end }
