local rulebox = require("caps")
local dice = require("dice")

describe("fx.pick", function()
  if not rulebox then
    return pending("tgcaps.so is not built")
  end
  local pick = rulebox.load("lua", "fx/rules.lua")["fx.pick"].decide
  local DAY_US <const> = 86400000000
  local monday = rulebox.time("2026-06-01T00:00:00Z")

  it("never answers with a rate of the future, nor with one older than a week", function()
    local fx = { base = "EUR", days = {
      ["2026-06-03"] = { USD = "1.1" }, ["2026-06-05"] = { USD = "1.2" }, ["2026-06-20"] = { USD = "1.3" },
    } }
    for day = 0, 40 do
      for _, second in ipairs({ 0, DAY_US - 1 }) do
        local at = monday + day * DAY_US + second
        local result = pick({ from = "EUR", to = "USD", at = at, amount = 10 }, { fx = fx })
        if result.error then
          assert.is_nil(result.rate)
          assert.is_nil(result.amount)
        else
          local age = at // DAY_US - rulebox.time(result.date .. "T00:00:00Z") // DAY_US
          assert(age >= 0 and age <= 7, result.date .. " on day " .. day)
        end
      end
    end
  end)

  it("comes back within a unit of the last place", function()
    local roll = dice.new(5)
    local fx = { base = "EUR", days = { ["2026-06-01"] = { USD = "1.1684", JPY = "186.5", GBP = "0.8712" } } }
    local codes = { "EUR", "USD", "JPY", "GBP" }
    for _ = 1, 200 do
      local from, to, amount = roll.one(codes), roll.one(codes), roll(1000000)
      local there = pick({ from = from, to = to, at = monday, amount = amount, places = 9 }, { fx = fx })
      local back = pick({ from = to, to = from, at = monday, amount = there.amount, places = 4 }, { fx = fx })
      assert.equal(tostring(amount), tostring(back.amount))
    end
  end)
end)
