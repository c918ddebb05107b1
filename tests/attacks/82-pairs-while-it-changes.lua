-- Entries that go and come during the walk.
-- must: answer {"n":2}
return { hook = "attack.run", api = 1, decide = function()
  local t, n = { a = 1, b = 2, c = 3 }, 0
  for key in pairs(t) do
    t[key .. "x"], t.b = true, nil
    n = n + 1
  end
  return { n = n }
end }
