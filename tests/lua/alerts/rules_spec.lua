local rulebox = require("caps")
local dice = require("dice")

describe("alerts.evaluate", function()
  if not rulebox then
    return pending("tgcaps.so is not built")
  end
  local rule = rulebox.load("lua", "alerts/rules.lua")["alerts.evaluate"]

  it("fires and clears in turns, wherever the value wanders", function()
    local roll = dice.new(1)
    for _, direction in ipairs({ "above", "below" }) do
      local alert = {
        id = "a", direction = direction, threshold = "50", clear = direction == "above" and "40" or "60", samples = 2,
      }
      local state, last, fired = nil, "cleared", 0
      for at = 1, 3000 do
        local value = roll(100)
        local result = rule.decide({ alert = alert, value = value, at = at, state = state })
        state = result.state
        if result.event then
          assert.not_equal(last, result.event)
          assert.equal(at, state.since)
          last, fired = result.event, fired + 1
          local beyond = direction == "above" and value > 50 or direction == "below" and value < 50
          assert.equal(result.event == "fired", beyond)
        end
      end
      assert(fired > 100, "it hardly ever fired: " .. fired)
    end
  end)
end)
