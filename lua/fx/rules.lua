--- Which published rate converts an amount (rating.md R23): the last one on or before the day, at most seven days old,
-- across the feed's base in one step. What is older or not there is no rate: nobody guesses, least of all 1.0.

-- Two currencies are converted; what the company adds for it is part of the one product that is rounded.
local function decide(input, cap)
  local decimal = cap.decimal
  local rate, date = cap.fx.rate(input.from, input.to, input.at)
  if rate == nil then
    return { error = date }
  elseif input.amount == nil then
    return { rate = rate, date = date }
  end
  local amount = decimal.new(input.amount)
  if input.markup_percent and input.from ~= input.to then
    local factor = decimal.div(decimal.new(100) + input.markup_percent, 100, 12, "half_even")
    amount = decimal.mul(amount, factor, 12, "half_even")
  end
  amount = cap.fx.convert(amount, input.from, input.to, input.at, input.places or 6)
  return { rate = rate, date = date, amount = amount }
end

--- Of the European Central Bank.
local ECB <const> = {
  base = "EUR",
  days = {
    ["2026-04-02"] = { USD = "1.1525", JPY = "184.10", GBP = "0.8732" },
    ["2026-04-13"] = { USD = "1.1684", JPY = "186.50", GBP = "0.8712" },
  },
}
local APRIL_13 <const> = 1776081600000000 -- 12:00 in UTC
local DAY_US <const> = 86400000000

local function ask(from, to, at, more)
  local input = { from = from, to = to, at = at }
  for name, value in pairs(more or {}) do
    input[name] = value
  end
  return input
end

return {
  hook = "fx.pick",
  api = 1,
  needs = { "decimal", "fx" },
  decide = decide,
  cases = {
    {
      name = "the rate of the day", fx = ECB,
      input = ask("EUR", "USD", APRIL_13), want = { rate = "1.1684", date = "2026-04-13" },
    },
    {
      name = "an amount is rounded once, half to even", fx = ECB,
      input = ask("USD", "EUR", APRIL_13, { amount = "0.024" }), want = { amount = "0.020541", date = "2026-04-13" },
    },
    {
      name = "on Easter Monday the rate of Thursday", fx = ECB,
      input = ask("EUR", "USD", APRIL_13 - 7 * DAY_US, { amount = "100" }),
      want = { amount = "115.25", date = "2026-04-02" },
    },
    {
      name = "across the base in one step", fx = ECB,
      input = ask("GBP", "JPY", APRIL_13, { amount = "100", places = 0 }), want = { amount = "21407" },
    },
    {
      name = "seven days are not too old", fx = ECB,
      input = ask("EUR", "USD", APRIL_13 + 7 * DAY_US), want = { rate = "1.1684" },
    },
    {
      name = "eight are", fx = ECB,
      input = ask("EUR", "USD", APRIL_13 + 8 * DAY_US, { amount = "1" }), want = { error = "fx_stale" },
    },
    {
      name = "a currency that the feed has not", fx = ECB,
      input = ask("EUR", "KWD", APRIL_13), want = { error = "fx_unknown" },
    },
    { name = "without any rates there is none", input = ask("EUR", "USD", APRIL_13), want = { error = "fx_unknown" } },
    {
      name = "the same currency is one for one", fx = ECB,
      input = ask("USD", "USD", APRIL_13, { amount = "3", markup_percent = "1.5" }),
      want = { rate = "1", amount = "3" },
    },
    {
      name = "what the company adds", fx = ECB,
      input = ask("EUR", "USD", APRIL_13, { amount = "100", places = 2, markup_percent = "1.5" }),
      want = { rate = "1.1684", amount = "118.59" },
    },
  },
}
