-- A golden case that computes for longer than a call may.
-- must: refused limit: attack.run, collatz: a/rules.lua:
return { hook = "attack.run", api = 1, decide = function(input)
  local longest = 0
  for start = 1, input.to do
    local n, steps = start, 0
    while n ~= 1 do
      n, steps = n % 2 == 0 and n // 2 or 3 * n + 1, steps + 1
    end
    longest = math.max(longest, steps)
  end
  return { n = longest }
end, cases = { { name = "collatz", input = { to = 10000000 }, want = { n = 685 } } } }
