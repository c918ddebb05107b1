-- Digits that are none, instants at the ends, windows that are something else.
-- must: answer {"n":0}
return { hook = "attack.run", api = 1, needs = { "deck", "decimal" }, decide = function(_, cap)
  local n = 0
  for _, digits in ipairs({ "", ("4"):rep(65536), "44\0", "\255", "abc", "-1", ("4"):rep(65536) }) do
    n = n + (cap.deck.find(digits, math.mininteger) and 1 or 0) + (cap.deck.find(digits, math.maxinteger) and 1 or 0)
  end
  for _, windows in ipairs({ {}, "x", cap.decimal.new("1"), 7, true }) do
    n = n + (pcall(cap.deck.find, "44", 0, windows) and 1 or 0)
  end
  return { n = n }
end }
