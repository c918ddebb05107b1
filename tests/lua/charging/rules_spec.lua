local rulebox = require("caps")
local dice = require("dice")

describe("charging.quote", function()
  if not rulebox then
    return pending("tgcaps.so is not built")
  end
  local decimal = rulebox.tgcaps.new({ base = {}, string = {} }):cap("decimal")
  local quote = rulebox.load("lua", "charging/rules.lua")["charging.quote"].decide
  local rate = rulebox.load("lua", "pricing/rules.lua")["pricing.rate_usage"].decide
  local NOW <const> = 1784109600000000

  local function random_deck(roll)
    return {
      {
        prefix = "44", per_minute = ("0.%03d"):format(roll(200)), initial_s = roll.one({ 1, 30, 60 }),
        increment_s = roll.one({ 1, 6, 60 }), connect_fee = roll.one({ "0", "0.01" }), min_s = roll.one({ 0, 45 }),
        steps = { { after_s = 90, per_minute = ("0.%03d"):format(roll(300)) } },
      },
    }
  end

  local function random_plan(roll)
    return roll.one({
      {}, { min_charge = "0.05" }, { max_charge = "0.30" }, { charge_decimals = 2, rounding = "up" },
      { tiers = { { up_to_s = 100, per_minute = "0.06" }, { per_minute = "0.03" } } },
    })
  end

  -- What a call of so many seconds costs, by the rule that charges.
  local function price(seconds, plan, deck)
    local event = { event_id = "e", to = "+442079460000", status = "answered", answered_at = NOW,
      duration_ms = seconds * 1000 }
    return rate({ event = event, plan = plan }, { deck = deck }).total
  end

  -- Talks until the money or 600 s are over; at each renewal what was talked is charged.
  local function talk(roll, deck, plan, balance)
    local used_s, debited, zero = 0, decimal.new(0), decimal.new(0)
    while used_s < 600 do
      local answer = quote({
        call = { call_id = "c", to = "+442079460000", at = NOW }, answered_at = NOW, plan = plan, used_s = used_s,
        debited = debited, available = balance - debited, requested_s = roll(120),
      }, { deck = deck })
      if answer.status ~= "quoted" then
        assert.equal("insufficient_funds", answer.status)
        return price(used_s, plan, deck), "ended"
      end
      assert(answer.hold + debited <= balance, "more is held than there is")
      assert.equal(tostring(decimal.max(price(answer.max_s, plan, deck) - debited, zero)), tostring(answer.hold))
      assert(answer.granted_s > 0 and answer.renew_in_s > 0 and answer.renew_in_s <= answer.granted_s)
      used_s = answer.final and answer.max_s or used_s + answer.renew_in_s
      debited = price(used_s, plan, deck)
    end
    return debited, "talked"
  end

  it("never lets a call cost more than there is, and holds what it will cost", function()
    local roll, outcomes = dice.new(6), { ended = 0, talked = 0 }
    for _ = 1, 150 do
      local balance = decimal.new(("0.%03d"):format(roll(999)))
      local cost, outcome = talk(roll, random_deck(roll), random_plan(roll), balance)
      assert(cost <= balance, "it cost " .. tostring(cost) .. " of " .. tostring(balance))
      outcomes[outcome] = outcomes[outcome] + 1
    end
    assert(outcomes.ended > 20 and outcomes.talked > 20)
  end)
end)
