-- Sums, shares and percentages past 2^63 raise.
-- must: answer {"n":0}
return { hook = "attack.run", api = 1, needs = { "money", "decimal" }, decide = function(_, cap)
  local m, max, n = cap.money, math.maxinteger, 0
  for _, call in ipairs({
    function() return m.add(max, 1) end, function() return m.add(max, max, max) end,
    function() return m.sub(math.mininteger, 1) end, function() return m.mul(max, 2) end,
    function() return m.mul(math.mininteger, -1) end, function() return m.bp(max, 20001) end,
    function() return m.percent(max, cap.decimal.new("101")) end, function() return m.split(1, 0) end,
    function() return m.split(1, -1) end, function() return m.split(1, 1 << 40) end,
    function() return m.allocate(1, {}) end, function() return m.allocate(1, { 0, 0 }) end,
    function() return m.allocate(1, { -1, 2 }) end, function() return m.allocate(max, { max, max }).x.y end,
    function() return m.exponent("XXXXX") end, function() return m.add(1, 0.5) end, function() return m.add(1, "1") end,
    function() return m.from_decimal(cap.decimal.new(("9"):rep(26)), "USD") end, function() return m.mul(1, 1 / 0) end,
  }) do
    n = n + (pcall(call) and 1 or 0)
  end
  return { n = n }
end }
