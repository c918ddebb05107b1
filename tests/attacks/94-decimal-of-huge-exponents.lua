-- Numbers that no decimal holds.
-- must: answer {"n":0}
return { hook = "attack.run", api = 1, needs = { "decimal" }, decide = function(_, cap)
  local n = 0
  for _, text in ipairs({ "1e1000000000", "1e-9", ("9"):rep(60000), "0." .. ("0"):rep(60000) .. "1", "", "-", ".", "0x10",
    "nan", "inf", " 1", "1\0", "1_000", "+1", ("9"):rep(27) }) do
    n = n + (pcall(cap.decimal.new, text) and 1 or 0)
  end
  for _, value in ipairs({ 0.5, 1 / 0, 0 / 0, {}, true, function() end }) do
    n = n + (pcall(cap.decimal.new, value) and 1 or 0)
  end
  return { n = n }
end }
