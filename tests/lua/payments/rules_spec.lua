local rulebox = require("caps")
local dice = require("dice")

describe("payments", function()
  if not rulebox then
    return pending("tgcaps.so is not built")
  end
  local rules = rulebox.load("lua", "payments/rules.lua")
  local route, risk = rules["payments.route"].decide, rules["payments.risk"].decide

  it("are sent only where they can be taken, and each other provider hears why not", function()
    local roll = dice.new(2)
    local currencies, methods = { "USD", "EUR", "JPY" }, { "card", "paypal" }
    local routed = 0
    for _ = 1, 500 do
      local providers, by_name = {}, {}
      for i = 1, roll(4) do
        local provider = {
          name = "p" .. i, currencies = { roll.one(currencies), roll.one(currencies) },
          methods = { roll.one(methods) }, healthy = roll(4) > 1, success_bp = 9000 + roll(900), fee_percent = "2.9",
        }
        providers[i], by_name[provider.name] = provider, provider
      end
      local input = { currency = roll.one(currencies), amount = roll(100), method = roll.one(methods), tried = { "p1" },
        providers = providers }
      local result = route(input)
      local chosen = result.provider and by_name[result.provider]
      assert(#result.refused + (chosen and 1 or 0) <= #providers)
      if chosen then
        routed = routed + 1
        assert(chosen.healthy and chosen.name ~= "p1" and chosen.methods[1] == input.method)
        assert(chosen.currencies[1] == input.currency or chosen.currencies[2] == input.currency)
      else
        assert.equal(#providers, #result.refused)
      end
    end
    assert(routed > 50, "hardly any was routed: " .. routed)
  end)

  it("look no better for one more bad sign", function()
    local roll = dice.new(3)
    local function input()
      return {
        currency = "USD", amount = roll(900), kind = "topup",
        company = { age_days = roll(3) - 1, paid_payments = roll(3) - 1, largest_paid = 200, disputes = roll(3) - 1 },
        signals = { attempts_last_hour = roll(12), declines_last_hour = roll(5) - 1, cards_last_day = roll(5) },
      }
    end
    local worse = {
      function(i) i.company.disputes = i.company.disputes + 1 end,
      function(i) i.signals.declines_last_hour = i.signals.declines_last_hour + 1 end,
      function(i) i.signals.attempts_last_hour = i.signals.attempts_last_hour + 5 end,
      function(i) i.signals.cards_last_day = i.signals.cards_last_day + 2 end,
      function(i) i.signals.provider_score = 70 end,
    }
    for _ = 1, 300 do
      local asked = input()
      local before = risk(asked).score
      roll.one(worse)(asked)
      assert(risk(asked).score >= before)
    end
  end)
end)
