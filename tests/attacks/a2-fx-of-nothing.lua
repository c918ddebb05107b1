-- Currencies that are none, days at the ends: an error or no rate, never 1.0.
-- must: answer {"n":0}
return { hook = "attack.run", api = 1, needs = { "fx", "decimal" }, decide = function(_, cap)
  local n = 0
  for _, code in ipairs({ "", "usd", "US", "USDX", ("U"):rep(60000), "U\0D", "EUR" }) do
    for _, at in ipairs({ math.mininteger, 0, math.maxinteger }) do
      local ok, rate = pcall(cap.fx.rate, "USD", code, at)
      n = n + (ok and rate and 1 or 0)
      ok, rate = pcall(cap.fx.convert, cap.decimal.new("1"), code, "USD", at, 99)
      n = n + (ok and rate and 1 or 0)
    end
  end
  return { n = n }
end }
