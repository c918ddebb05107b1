-- Arithmetic that leaves the range raises, it does not wrap.
-- must: answer {"n":0}
return { hook = "attack.run", api = 1, needs = { "decimal" }, decide = function(_, cap)
  local d, n = cap.decimal, 0
  local big, tiny, zero = d.new(("9"):rep(26)), d.new("0.000000000001"), d.new("0")
  for _, call in ipairs({
    function() return big + big end, function() return -big - big end, function() return d.mul(big, big) end,
    function() return d.div(big, tiny) end, function() return d.div(big, zero) end,
    function() return d.muldiv(big, big, tiny) end, function() return d.round(big, -1) end,
    function() return d.round(big, 1 << 40) end, function() return d.format(big, 13) end,
    function() return big * big end, function() return big / tiny end, function() return big % tiny end,
    function() return #big end, function() return big() end, function() return big.x.y end,
    function() big.x = 1 end, function() return d.cmp(big, {}) end, function() return d.tointeger(big).x end,
  }) do
    n = n + (pcall(call) and 1 or 0)
  end
  return { n = n }
end }
