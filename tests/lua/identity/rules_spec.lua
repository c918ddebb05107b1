local rulebox = require("caps")
local dice = require("dice")

describe("rbac.authorize", function()
  if not rulebox then
    return pending("tgcaps.so is not built")
  end
  local authorize = rulebox.load("lua", "identity/rules.lua")["rbac.authorize"].decide
  local NOW <const> = 1784109600000000

  it("only takes away: no policy allows what is forbidden without it", function()
    local roll = dice.new(4)
    local permissions = { "refunds:write", "invoices:read", "*" }
    for _ = 1, 400 do
      local input = {
        actor = { id = "u", kind = roll.one({ "user", "key" }), company = "co_a", roles = { "finance" } },
        permission = roll.one({ "refunds:write", "invoices:read" }),
        resource = {
          company = roll.one({ "co_a", "co_b" }), below = roll(2) == 1, amount = roll(100), currency = "USD",
        },
        at = NOW + roll(168) * 3600000000,
      }
      local without = authorize(input).allow
      input.policy = {
        timezone = "Europe/Berlin",
        amounts = { { permission = roll.one(permissions), currency = "USD", max = roll(100) } },
        hours = { { permission = roll.one(permissions), days = { roll(7) }, from = "09:00", to = "17:00" } },
        own_only = { roll.one(permissions) },
        fresh = { roll.one(permissions) },
      }
      local result = authorize(input)
      assert(without or not result.allow)
      assert(result.allow == (result.reason == nil))
    end
  end)

  it("keeps an hour of each weekday whatever the clocks do", function()
    local policy = {
      timezone = "America/New_York", hours = { { permission = "*", days = { 7 }, from = "02:30", to = "03:30" } },
    }
    local function asked(text)
      return authorize({
        actor = { id = "u", kind = "user", company = "co_a" }, permission = "refunds:write",
        resource = { company = "co_a" }, at = rulebox.time(text), policy = policy,
      }).allow
    end
    assert.is_true(asked("2026-03-08T07:10:00Z")) -- 03:10, and 02:30 did not occur
    assert.is_false(asked("2026-03-08T06:59:59Z"))
    assert.is_true(asked("2026-11-01T08:00:00Z")) -- 03:00, after the doubled hour
    assert.is_false(asked("2026-11-01T06:45:00Z")) -- the second 01:45
  end)
end)
