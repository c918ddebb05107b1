--- The capabilities of rules, asked through tgcaps as a rule asks them.
local rulebox = require("core.rulebox")
local tgcaps = rulebox.tgcaps

local box = tgcaps.new({ base = { "pairs" }, string = {}, table = {}, math = {} })

local function raises(pattern, f, ...)
  local ok, why = pcall(f, ...)
  assert.is_false(ok)
  assert.matches(pattern, why, 1, true)
end

describe("cap.money", function()
  local money = box:cap("money")
  local max, min = math.maxinteger, math.mininteger

  it("adds, takes away and multiplies whole minor units", function()
    assert.equal(600, money.add(100, 200, 300))
    assert.equal(-100, money.sub(100, 200))
    assert.equal(-300, money.mul(100, -3))
    assert.equal(max, money.add(max, 0))
  end)

  it("raises where 64 bits end, and never wraps", function()
    raises("money.add: the amount does not fit 64 bits", money.add, max, 1)
    raises("money.sub: the amount does not fit 64 bits", money.sub, min, 1)
    raises("money.mul: the amount does not fit 64 bits", money.mul, min, -1)
    raises("money.bp: the amount does not fit 64 bits", money.bp, max, 10001, "down")
    raises("money.percent: the amount does not fit 64 bits", money.percent, max, "100.1", "down")
    raises("money.from_decimal: the amount does not fit", money.from_decimal, "92233720368547758.08", "USD", "down")
  end)

  it("takes no float and no text for an amount", function()
    raises("money.add: a whole number of minor units expected, got a float", money.add, 1, 2.0)
    raises("money.mul: a whole number of minor units expected, got string", money.mul, "10", 2)
    raises("got no value", money.sub, 1)
    raises("money.bp: basis points are a whole number", money.bp, 100, 19.0, "up")
  end)

  it("rounds basis points and percents once, in the mode that is named", function()
    assert.equal(19, money.bp(100, 1900, "half_up"))
    assert.equal(3, money.bp(250, 100, "half_up"))
    assert.equal(2, money.bp(250, 100, "half_even"))
    assert.equal(-3, money.bp(-250, 100, "half_up"))
    assert.equal(77, money.percent(1000, "7.7", "half_up"))
    assert.equal(76, money.percent(999, "7.7", "down"))
    raises("rounding must be half_up, half_even, up or down", money.bp, 1, 1, "nearest")
    raises("rounding must be", money.bp, 1, 1)
  end)

  it("splits so that the parts sum to the whole and differ by a unit", function()
    assert.same({ 34, 33, 33 }, money.split(100, 3))
    assert.same({ -34, -33, -33 }, money.split(-100, 3))
    assert.same({ 1, 0, 0 }, money.split(1, 3))
    assert.same({ min }, money.split(min, 1))
    raises("from 1 to 1000 parts", money.split, 100, 0)
    raises("from 1 to 1000 parts", money.split, 100, 1001)
    raises("from 1 to 1000 parts", money.split, 100, 2.0)
  end)

  it("allocates by weight, the rest to those who lost most", function()
    assert.same({ 17, 33, 50 }, money.allocate(100, { 1, 2, 3 }))
    assert.same({ 0, 100, 0 }, money.allocate(100, { 0, 7, 0 }))
    assert.same({ 2, 1, 1, 1 }, money.allocate(5, { 1, 1, 1, 1 }))
    assert.same({ -2, -1, -1, -1 }, money.allocate(-5, { 1, 1, 1, 1 }))
    raises("a weight must be above 0", money.allocate, 100, { 0, 0 })
    raises("weight 2 must be a whole number, not negative", money.allocate, 100, { 1, -1 })
    raises("from 1 to 1000 weights", money.allocate, 100, {})
  end)

  it("keeps the sum for any amount and weights", function()
    math.randomseed(7)
    for _ = 1, 300 do
      local amount, weights, sum = math.random(0) >> math.random(0, 63), {}, 0
      amount = math.random(2) == 1 and amount or -amount
      for i = 1, math.random(1, 40) do
        weights[i] = math.random(0) >> math.random(1, 63)
      end
      weights[1] = weights[1] | 1
      for _, part in ipairs(money.allocate(amount, weights)) do
        sum = sum + part
      end
      assert.equal(amount, sum)
    end
  end)

  it("knows the minor units of ISO 4217", function()
    assert.equal(2, money.exponent("USD"))
    assert.equal(0, money.exponent("JPY"))
    assert.equal(3, money.exponent("KWD"))
    raises("money.exponent: a currency of ISO 4217 like USD expected", money.exponent, "usd")
    raises("a currency of ISO 4217", money.exponent, "XAU")
    assert.equal(1235, money.from_decimal("12.345", "USD", "half_up"))
    assert.equal(1235, money.from_decimal("1.2345", "KWD", "half_up"))
    assert.equal(160, money.from_decimal("159.83", "JPY", "half_up"))
    assert.equal("12.35", tostring(money.to_decimal(1235, "USD")))
    assert.equal("-0.007", tostring(money.to_decimal(-7, "KWD")))
  end)
end)

describe("cap.fx", function()
  local fx = box:cap("fx")
  local week = {
    base = "EUR",
    days = {
      ["2026-04-02"] = { USD = "1.1525", JPY = "184" },
      ["2026-04-10"] = { USD = "1.2", GBP = "0.8" },
      ["2026-04-13"] = { USD = "1.25", JPY = "200" },
    },
  }

  before_each(function()
    box:set_fx(tgcaps.fx(week))
  end)

  local function rate(...)
    local found, date = fx.rate(...)
    return found and tostring(found), date
  end

  it("gives the last rate on or before the date", function()
    assert.same({ "1.1525", "2026-04-02" }, { rate("EUR", "USD", "2026-04-06") })
    assert.same({ "1.25", "2026-04-13" }, { rate("EUR", "USD", "2026-04-13") })
    assert.same({ "0.8", "2026-04-13" }, { rate("USD", "EUR", "2026-04-13") })
    assert.same({ "1.2", "2026-04-10" }, { rate("EUR", "USD", rulebox.time("2026-04-12T23:59:59.999999Z")) })
    assert.same({ "1.25", "2026-04-13" }, { rate("EUR", "USD", rulebox.time("2026-04-13T00:00:00Z")) })
  end)

  it("crosses through the base with two rates of one day", function()
    assert.same({ "160", "2026-04-13" }, { rate("USD", "JPY", "2026-04-14") })
    assert.same({ "1.5", "2026-04-10" }, { rate("GBP", "USD", "2026-04-13") })
  end)

  it("fails closed when the last is older than seven days", function()
    assert.same({ "1.25", "2026-04-13" }, { rate("EUR", "USD", "2026-04-20") })
    assert.same({ nil, "fx_stale" }, { rate("EUR", "USD", "2026-04-21") })
    assert.same({ nil, "fx_stale" }, { rate("EUR", "JPY", "2026-04-10") })
    assert.same({ nil, "fx_unknown" }, { rate("EUR", "USD", "2026-04-01") })
    assert.same({ nil, "fx_unknown" }, { rate("EUR", "CHF", "2026-04-13") })
  end)

  it("knows a currency in itself at any time, and nothing else without a table", function()
    box:set_fx(nil)
    assert.same({ "1", "2019-01-01" }, { rate("CHF", "CHF", "2019-01-01") })
    assert.same({ nil, "fx_unknown" }, { rate("EUR", "USD", "2026-04-13") })
  end)

  it("converts in one step, half even", function()
    local amount, how = fx.convert("0.02", "USD", "JPY", "2026-04-13", 4)
    assert.equal("3.2", tostring(amount))
    assert.same({ "160", "2026-04-13" }, { tostring(how.rate), how.date })
    assert.equal("0.12", tostring(fx.convert("0.15625", "USD", "EUR", "2026-04-13", 2))) -- 0.125
    assert.equal("0.14", tostring(fx.convert("0.16875", "USD", "EUR", "2026-04-13", 2))) -- 0.135
    assert.equal("-0.12", tostring(fx.convert("-0.15625", "USD", "EUR", "2026-04-13", 2)))
    assert.same({ nil, "fx_stale" }, { fx.convert("1", "USD", "EUR", "2026-05-13") })
    -- 3 USD in JPY by the rounded rate 2.333333333333 would be 6.999999999999
    box:set_fx(tgcaps.fx({ base = "EUR", days = { ["2026-04-13"] = { USD = "3", JPY = "7" } } }))
    assert.equal("7", tostring(fx.convert("3", "USD", "JPY", "2026-04-13", 12)))
    assert.equal("2.333333333333", (rate("USD", "JPY", "2026-04-13")))
  end)

  it("refuses what is no currency, date or amount", function()
    raises("fx.rate: a currency is three letters like USD", fx.rate, "usd", "EUR", "2026-04-13")
    raises("fx.rate: microseconds or a date", fx.rate, "USD", "EUR", "13.4.2026")
    raises("fx.rate: microseconds or a date", fx.rate, "USD", "EUR", 1.5)
    raises("fx.rate: the year must be from 1 to 9999", fx.rate, "USD", "EUR", math.maxinteger)
    raises("fx.convert: a decimal expected, got a float", fx.convert, 1.5, "USD", "EUR", "2026-04-13")
    raises("fx.convert: places must be", fx.convert, 1, "USD", "EUR", "2026-04-13", 13)
    raises("out of range", fx.convert, "99999999999999999999999999", "USD", "JPY", "2026-04-13")
  end)

  it("refuses a table that contradicts itself", function()
    raises("line 3: EUR is the base", tgcaps.fx, "Date,USD,EUR\n2026-04-13,1.1,\n2026-04-12,1.1,1\n")
    raises("USD has two rates on 2026-04-13", tgcaps.fx, "Date,USD\n2026-04-13,1.1\n2026-04-13,1.2\n")
    raises("line 2: not a date", tgcaps.fx, "Date,USD\n13.4.2026,1.1\n")
    raises("line 2: a rate must be above 0", tgcaps.fx, "Date,USD\n2026-04-13,0\n")
    raises("line 1: the first line must be", tgcaps.fx, "")
    raises("the base is three letters", tgcaps.fx, "Date,USD\n", "eur")
    local number = { base = "EUR", days = { ["2026-04-13"] = { USD = 1 } } }
    raises("fx.days.2026-04-13.USD: a rate is a text", tgcaps.fx, number)
  end)

  local shared = os.getenv("TOLLGATE_SHARED") or "../shared"
  local file = io.open(shared .. "/data/fx/eurofxref-hist.csv")
  if not file then
    print("# cap.fx: the ECB's table is not in " .. shared .. ", the cases I01, I02 and I04 did not run")
    return
  end
  local text = file:read("a")
  file:close()

  it("converts by the ECB's own table: rating.md I01, I02, I04", function()
    box:set_fx(tgcaps.fx(text))
    local amount, how = fx.convert("0.024000", "USD", "EUR", "2026-04-13", 6)
    assert.same({ "0.020541", "2026-04-13" }, { tostring(amount), how.date })
    amount, how = fx.convert("100.000000", "EUR", "USD", "2026-04-06", 6)
    assert.same({ "115.25", "2026-04-02" }, { tostring(amount), how.date })
    assert.same({ nil, "fx_stale" }, { fx.convert("1.000000", "EUR", "USD", "2026-04-30", 6) })
  end)
end)

describe("cap.flags", function()
  local flags = box:cap("flags")

  it("is off unless it is true", function()
    box:set_flags({ on = true, off = false, variant = "b", limit = 7 })
    assert.is_true(flags.is_on("on"))
    assert.is_false(flags.is_on("off"))
    assert.is_false(flags.is_on("variant"))
    assert.is_false(flags.is_on("nobody_set_it"))
    assert.same({ true, false }, { flags.get("on"), flags.get("off") })
    assert.same({ "b", 7 }, { flags.get("variant"), flags.get("limit") })
    assert.is_nil(flags.get("nobody_set_it"))
    box:set_flags(nil)
    assert.is_false(flags.is_on("on"))
    assert.is_nil(flags.get("on"))
  end)
end)
