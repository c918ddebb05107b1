--- A rule that does what the peers' quote does: the longest prefix, whole minutes, one rounding.
local function quote(input, cap)
  local row = cap.deck.find(input.to:sub(2), input.at)
  if row == nil then
    return {}
  end
  local seconds <const> = (input.duration_ms + 59999) // 60000 * 60
  return { amount = cap.decimal.muldiv(row.per_minute, seconds, 60, 9, "half_up"), seconds = seconds }
end

return {
  {
    hook = "bench.quote",
    api = 1,
    needs = { "decimal", "deck" },
    decide = quote,
    cases = {
      {
        name = "61 s are two minutes",
        deck = { { prefix = "44", per_minute = "0.0120", initial_s = 60, increment_s = 60 } },
        input = { to = "+442079460000", duration_ms = 61000, at = 1784109600000000 },
        want = { amount = "0.024", seconds = 120 },
      },
    },
  },
}
