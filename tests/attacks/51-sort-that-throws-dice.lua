-- Another answer for the same pair each time.
-- must: end
return { hook = "attack.run", api = 1, decide = function()
  local t, state = {}, { n = 1 }
  for i = 1, 5000 do
    t[i] = i
  end
  table.sort(t, function(a, b)
    state.n = (state.n * 1103515245 + 12345) & 0x7fffffff
    return (state.n + a + b) % 3 == 0
  end)
  return { #t }
end }
