local has_caps, rulebox = pcall(require, "core.rulebox")
if not has_caps then
  describe("pricing", function()
    pending("tgcaps.so is not built: " .. tostring(rulebox):match("^[^\n]*"))
  end)
  return
end

describe("pricing", function()
  local rate = rulebox.load("lua", "pricing/rules.lua")["pricing.rate_usage"]

  local function event(changes)
    local made = {
      event_id = "e1", to = "+12125550100", status = "answered", answered_at = rulebox.time("2026-07-15T10:00:00Z"),
      duration_ms = 60000,
    }
    for key, value in pairs(changes or {}) do
      made[key] = value
    end
    return made
  end
  local plain = { { prefix = "1", per_minute = "0.06", initial_s = 1, increment_s = 1 } }

  it("gives the same lines whether a call is walked in one run or block by block", function()
    local whole = rate.decide({ event = event({ duration_ms = 93600000 }), plan = {} }, { deck = plain })
    assert.equal(1, #whole.lines)
    assert.equal(93600, whole.billed_s)
    assert.equal("93.6", tostring(whole.total))
  end)

  it("is monotone in duration, whatever the plan", function()
    local plans = {
      {}, { tiers = { { up_to_s = 20, per_minute = "0.06" }, { per_minute = "0.03" } } }, { min_charge = "0.01" },
      { max_charge = "0.05" }, { charge_decimals = 2, rounding = "up" }, { rounding = "half_even" },
    }
    local deck = { { prefix = "1", per_minute = "0.06", initial_s = 30, increment_s = 6, connect_fee = "0.01" } }
    for _, plan in ipairs(plans) do
      local before
      for second = 1, 120 do
        local result = rate.decide({ event = event({ duration_ms = second * 1000 }), plan = plan }, { deck = deck })
        assert(before == nil or before <= result.total, "dearer when shorter at " .. second)
        before = result.total
      end
    end
  end)

  it("has lines that sum to the total", function()
    local deck = {
      { prefix = "1", per_minute = "0.07", initial_s = 30, increment_s = 7, connect_fee = "0.013",
        steps = { { after_s = 60, per_minute = "0.033" } } },
    }
    for second = 1, 200, 3 do
      local result = rate.decide({
        event = event({ duration_ms = second * 1000 + 1 }), plan = { min_charge = "0.09", max_charge = "0.11" },
        state = { bundles = { { id = "a", remaining_s = 11 }, { id = "b", remaining_s = 40, prefix = "1212" } } },
      }, { deck = deck })
      local sum
      for _, line in ipairs(result.lines) do
        sum = sum and sum + line.amount or line.amount
      end
      assert.equal(tostring(sum), tostring(result.total))
    end
  end)

  it("costs a caller of 100 pieces as much as one of the whole, when tiers are graduated", function()
    local plan = { tiers = { { up_to_s = 500, per_minute = "0.06" }, { per_minute = "0.03" } } }
    local counter, sum = 0, nil
    for _ = 1, 100 do
      local input = { event = event({ duration_ms = 10000 }), plan = plan, state = { counter_s = counter } }
      local result = rate.decide(input, { deck = plain })
      counter = result.counter_s
      sum = sum and sum + result.total or result.total
    end
    assert.equal(1000, counter)
    assert.equal("0.75", tostring(sum))
  end)

  it("does not change what it is given", function()
    local input = {
      event = event(), plan = {},
      state = {
        bundles = { { id = "b", remaining_s = 30 } }, balances = { { id = "m", amount = "1" } }, counter_s = 7,
      },
    }
    local first = rate.decide(input, { deck = plain })
    local second = rate.decide(input, { deck = plain })
    assert.equal(30, input.state.bundles[1].remaining_s)
    assert.equal("1", input.state.balances[1].amount)
    assert.equal(tostring(first.total), tostring(second.total))
    assert.same(first.bundles, second.bundles)
  end)

  it("raises instead of guessing", function()
    local windowed = { { prefix = "1", per_minute = "0.06" }, { prefix = "1", per_minute = "0.01", when = "night" } }
    assert.error_matches(function()
      rate.decide({ event = event(), plan = {} }, { deck = windowed })
    end, "window 'night'")
    assert.error_matches(function()
      rate.decide({ event = event(), plan = { rounding = "sideways" } }, { deck = plain })
    end, "rounding must be")
    assert.error_matches(function()
      rate.decide({ event = event(), plan = { timezone = "Mars/Base", windows = {} } }, { deck = plain })
    end, "no zone 'Mars/Base'")
  end)
end)
