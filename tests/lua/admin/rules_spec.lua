local rulebox = require("caps")

local TYPES <const> = { "submit", "approve", "reject", "cancel", "tick" }
local FLOWS <const> = { "rules.activate", "refund", "credit_limit" }

describe("admin.step", function()
  if not rulebox then
    return pending("tgcaps.so is not built")
  end
  local step = rulebox.load("lua", "admin/rules.lua")["admin.step"].decide

  local function each(visit)
    for _, flow in ipairs(FLOWS) do
      for _, type in ipairs(TYPES) do
        for _, actor in ipairs({ "a", "b" }) do
          visit(flow, { type = type, actor = actor, author = "a", at = 100 })
        end
      end
    end
  end

  it("moves nothing that is done", function()
    for _, state in ipairs({ "approved", "refused", "cancelled", "expired" }) do
      each(function(flow, event)
        event.alone = true
        local result = step({ flow = flow, state = state, event = event, data = { amount = "1", limit = "2" } })
        assert.same({ state = state, done = true, reason = "over" }, result)
      end)
    end
  end)

  it("approves for the author only what is small, or when there is nobody else", function()
    each(function(flow, event)
      for _, alone in ipairs({ true, false }) do
        for _, amount in ipairs({ "1", "3" }) do
          event.alone = alone
          local data = { amount = amount, limit = "2" }
          local result = step({ flow = flow, state = "proposed", event = event, data = data })
          if result.state == "approved" and event.actor == "a" then
            assert(alone or (event.type == "submit" and amount == "1"), flow .. " " .. event.type)
          end
        end
      end
    end)
  end)

  it("approves nothing that has expired", function()
    each(function(flow, event)
      event.at = 8 * 86400 * 1000000
      local result = step({ flow = flow, state = "proposed", event = event, data = { proposed_at = 0 } })
      assert.equal("expired", result.state)
    end)
  end)
end)
