local rulebox = require("caps")
local dice = require("dice")

describe("billing", function()
  if not rulebox then
    return pending("tgcaps.so is not built")
  end
  local box = rulebox.tgcaps.new({ base = {}, string = {} })
  local calendar, decimal = box:cap("calendar"), box:cap("decimal")
  local rules = rulebox.load("lua", "billing/rules.lua")
  local DAY_US <const> = 86400000000
  local from, to = rulebox.time("2026-03-01T05:00:00Z"), rulebox.time("2026-04-01T04:00:00Z") -- March in New York

  local function cents(n)
    return ("%d.%02d"):format(n // 100, n % 100)
  end

  it("prorates nothing away: what was used and what is given back are the price", function()
    local prorate, roll = rules["billing.prorate"].decide, dice.new(8)
    for _ = 1, 300 do
      local price, by = roll(100000), roll.one({ "second", "day" })
      local at = from + roll((to - from) // 1000000) * 1000000
      local function ask(old, new, when)
        return prorate({ currency = "USD", period = { from = from, to = to }, timezone = "America/New_York", at = when,
          by = by, old = old, new = new })
      end
      local item = { price = cents(price), quantity = 1 }
      assert.equal("0", tostring(ask(item, item, at).total))
      local rest = ask(nil, item, at)
      assert(rest.total >= decimal.new(0) and rest.total <= decimal.new(cents(price)))
      local line = rest.lines[1]
      assert(line == nil or (line.part <= line.whole and line.part >= 0))
      assert(not line or by == "second" or line.whole == 31)
      assert.equal(cents(price):gsub("0+$", ""):gsub("%.$", ""), tostring(ask(nil, item, from).total))
    end
  end)

  it("taxes so that net and tax are the total, and amounts with the tax in them stay what they are", function()
    local tax, roll = rules["billing.tax"].decide, dice.new(9)
    local rates = { { country = "DE", name = "VAT", percent = "19" },
      { country = "DE", name = "VAT", category = "reduced", percent = "7" } }
    for _ = 1, 300 do
      local lines, sum = {}, decimal.new(0)
      for i = 1, roll(8) do
        local amount = cents(roll(20000))
        lines[i] = { id = "l" .. i, amount = amount, category = roll.one({ "standard", "reduced" }) }
        sum = sum + amount
      end
      local inclusive = roll(2) == 1
      local result = tax({ currency = "EUR", inclusive = inclusive, seller = { country = "DE" },
        customer = { country = "DE" }, lines = lines, rates = rates })
      assert.equal(tostring(result.net + result.tax), tostring(result.total))
      assert.equal(tostring(sum), tostring(inclusive and result.total or result.net))
      local net, all = decimal.new(0), decimal.new(0)
      for _, group in ipairs(result.taxes) do
        net, all = net + group.net, all + group.tax
        assert.equal(tostring(decimal.round(group.tax, 2, "half_up")), tostring(group.tax))
      end
      assert.equal(tostring(result.net) .. tostring(result.tax), tostring(net) .. tostring(all))
    end
  end)

  it("takes from credits what is due and no more, from none twice", function()
    local apply, roll = rules["billing.apply_credits"].decide, dice.new(10)
    for _ = 1, 300 do
      local credits, left = {}, {}
      for i = 1, roll(6) do
        local id = "c" .. i
        left[id] = decimal.new(cents(roll(5000) - 1))
        credits[i] = { id = id, remaining = left[id], currency = "USD", priority = roll(3),
          kind = roll.one({ "promotional", "prepaid", "credit_note" }), expires = roll(3) == 1 and roll(200) or nil }
      end
      local total = decimal.new(cents(roll(10000)))
      local result = apply({ currency = "USD", at = 100, total = total, credits = credits })
      local sum, seen = decimal.new(0), {}
      for _, used in ipairs(result.applied) do
        assert(not seen[used.id] and used.amount <= left[used.id] and used.amount > decimal.new(0))
        seen[used.id], sum = true, sum + used.amount
      end
      assert.equal(tostring(sum), tostring(result.credited))
      assert.equal(tostring(total - sum), tostring(result.due))
      assert(result.due >= decimal.new(0))
    end
  end)

  it("comes to an end with whoever does not pay, never at night, never twice a day", function()
    local step, roll = rules["billing.dunning"].decide, dice.new(11)
    local codes = { "insufficient_funds", "do_not_honor", "generic_decline", "processing_error" }
    for _, zone in ipairs({ "UTC", "America/Los_Angeles", "Asia/Kathmandu", "Australia/Lord_Howe" }) do
      local now, attempts, seen = from, {}, {}
      for _ = 1, 2000 do
        local result = step({
          now = now, timezone = zone, has_method = true, attempts = attempts,
          invoice = { id = "i", currency = "USD", due = "10", due_at = from },
        })
        seen[result.action] = true
        if result.action == "retry" and result.at <= now then
          local last = attempts[#attempts]
          assert(last == nil or now - last.at >= DAY_US, "twice within a day")
          local hour = calendar.local_time(now, zone).hour
          assert(hour >= 8 and hour < 20, "at night")
          attempts[#attempts + 1] = { at = now, outcome = "failed", code = roll.one(codes) }
        elseif result.action == "give_up" then
          break
        end
        now = now + 3600000000
      end
      assert.equal(5, #attempts)
      assert(seen.retry and seen.wait and seen.suspend and seen.give_up, "a step is missing")
    end
  end)
end)
