local script = require("helper")
local handler = require("approvals.handler")

local ID <const> = tg.id.new("apv")

local function row(fields)
  local one = {
    id = ID, company = script.ids.own, operation = "rules.activate", flow = "rules.activate", object = "x",
    input = {}, state = "done", proposer = "key_a", decider = script.ids.key, created_at = 1, expires_at = 2,
    decided_at = 3,
  }
  for name, value in pairs(fields or {}) do
    one[name] = value
  end
  return one
end

local function request(id)
  return script.request({ method = "POST", params = { id = id or ID } })
end

describe("requests about approvals", function()
  after_each(script.finish)

  it("show all there is to know", function()
    script.expect("approval", row({ result = { revision = 3 } }))
    local status, body = handler.approval(request())
    assert.equal(200, status)
    assert.same({ ID, "done", { revision = 3 }, script.ids.key }, { body.id, body.state, body.result, body.decider })
  end)

  it("tell nothing of what is not there, and ask nothing for what is no id", function()
    script.expect("approval", nil)
    local _, err = handler.approve(request())
    assert.equal("not_found", err.code)
    _, err = handler.refuse(request("apv_1"))
    assert.equal("not_found", err.code)
  end)

  it("answer again who has approved", function()
    script.expect("approval", row())
    local status, body = handler.approve(request())
    assert.same({ 200, "done" }, { status, body.state })
  end)

  it("do nothing that this release does not know", function()
    script.expect("approval", row({ operation = "moon.launch", state = "waiting" }))
    local _, err = handler.approve(request())
    assert.same({ "conflict", "approval_over" }, { err.code, err.type })
  end)
end)
