local explain = require("charging.explain")

local function line(fields)
  local l = { kind = "usage", from_s = 0, seconds = 60, prefix = "1", per_minute = "0.06", amount = "0.06" }
  for name, value in pairs(fields) do
    l[name] = value
  end
  return l
end

local function rated(amount, lines)
  return { status = "rated", amount = tg.decimal.new(amount), rating = { lines = lines } }
end

describe("explaining", function()
  it("writes each line as the sum it is, and adds them up", function()
    local why = explain.row(rated("0.060000", {
      line({ kind = "connect", amount = "0.01" }),
      line({ kind = "bundle", seconds = 100, bundle = "b", amount = "0" }),
      line({ from_s = 100, seconds = 50, amount = "0.05" }),
    }))
    assert.same({
      "connect fee: 0.01",
      "seconds 0 to 100 from the allowance b: free",
      "seconds 100 to 150 at 0.06 a minute (prefix 1): 50 × 0.06 ÷ 60 = 0.05",
      "0.01 + 0 + 0.05 = 0.06",
    }, why.arithmetic)
    assert.is_true(why.agrees)
  end)

  it("says where it rounded", function()
    local why = explain.row(rated("0.000667", { line({ seconds = 4, per_minute = "0.0100", amount = "0.000667" }) }))
    assert.same({
      "seconds 0 to 4 at 0.0100 a minute (prefix 1): 4 × 0.0100 ÷ 60 = 0.000667, rounded half up to 6 places",
    }, why.arithmetic)
    assert.is_true(why.agrees)
  end)

  it("shows minimum and cap as lines of their own", function()
    local why = explain.row(rated("1", {
      line({ seconds = 10800, per_minute = "0.05", amount = "9" }), line({ kind = "cap", amount = "-8" }),
    }))
    assert.equal("down to the maximum charge: -8", why.arithmetic[2])
    assert.equal("9 + -8 = 1", why.arithmetic[3])
    assert.is_true(why.agrees)
  end)

  it("multiplies what has a price for a unit, and does it again", function()
    local tokens = {
      kind = "unit", meter = "llm.tokens.in", quantity = "12480", per = 1000000, unit_amount = "0.15",
      amount = "0.001872",
    }
    local seats = { kind = "seat", quantity = "2", unit_amount = "29", amount = "58", note = "3 included" }
    local why = explain.row(rated("58.001872", { tokens, seats }))
    assert.equal("llm.tokens.in: 12480 × 0.15 ÷ 1000000 = 0.001872", why.arithmetic[1])
    assert.equal("seat: 2 × 29 = 58 (3 included)", why.arithmetic[2])
    assert.is_true(why.agrees)
    tokens.amount = "0.001873"
    assert.is_false(explain.row(rated("58.001873", { tokens, seats })).agrees)
  end)

  it("does not agree with a line or a total that somebody changed", function()
    assert.is_false(explain.row(rated("0.06", { line({ seconds = 61 }) })).agrees)
    assert.is_false(explain.row(rated("0.07", { line({}) })).agrees)
  end)

  it("rounds as it was rounded then, whatever the company has now", function()
    local row = rated("0.03", { line({ seconds = 4, per_minute = "0.40", amount = "0.03" }) })
    row.rating.plan = { charge_decimals = 2, rounding = "half_up" }
    row.pricing = { charge_decimals = 6 }
    assert.is_true(explain.row(row).agrees)
    row.rating.plan = nil
    assert.is_false(explain.row(row).agrees)
  end)

  it("gives the reason when nothing was charged", function()
    for _, status in ipairs({ "not_billable", "no_rate", "blocked", "unrated", "failed" }) do
      local why = explain.row({ status = status, rating = {} })
      assert.equal(1, #why.arithmetic)
      assert.is_true(why.agrees)
    end
  end)
end)
