local carried = require("policies.carried")
local schema = require("policies.schema")
local script = require("helper")
local service = require("policies.service")
local v = require("core.validate")

local ids <const> = script.ids
local decimal <const> = v.object({ amount = v.decimal() })

describe("the shape of policies", function()
  local function faults(policies)
    local _, err = v.check(schema.policies, policies)
    local at = {}
    for i, fault in ipairs(err and err.errors or {}) do
      at[i] = fault.pointer
    end
    return at
  end

  it("takes what the rule takes", function()
    assert.same({}, faults({
      timezone = "Europe/Berlin",
      amounts = { { permission = "wallets:write", currency = "USD", max = "50", role = "finance" } },
      hours = { { permission = "audit:read", days = { 1, 7 }, from = "22:00", to = "06:00" } },
      own_only = { "*" }, fresh = { "api_keys:write" },
    }))
  end)

  it("refuses what would forbid nothing", function()
    assert.same({ "/own_only/0" }, faults({ own_only = { "usage:read" } }))
    assert.same({ "/fresh/0" }, faults({ fresh = { "usage:*" } }))
    assert.same({ "/amounts/0/permission", "/amounts/0/role" }, faults({
      amounts = { { permission = "wallet:write", currency = "USD", max = "1", role = "ceo" } },
    }))
  end)
end)

describe("the guard", function()
  local call, asked, answer, failure
  local route <const> = {
    permission = "wallets:write",
    api = { ids = { id = "wal" }, body = decimal },
  }

  before_each(function()
    call, asked, answer, failure = tg.rules and tg.rules.call, {}, { allow = true }, nil
    tg.rules = tg.rules or {}
    tg.rules.call = function(hook, input)
      asked = { hook = hook, input = input }
      return answer, failure
    end
  end)

  after_each(function()
    tg.rules.call = call
    script.finish()
  end)

  local function run(policy, options, of)
    local o <const> = options or {}
    o.params, o.body = { id = ids.wallet }, o.body or { amount = "-60.00" }
    local req = script.request(o)
    req.policy = policy and carried.pack(ids.own, policy, { "finance" })
    return service.guard(of or route, function()
      return 204
    end)(req)
  end

  it("asks nothing for a company without policies", function()
    assert.equal(204, run(nil))
    assert.same({}, asked)
    assert.is_nil(carried.pack(ids.own, {}, {}))
  end)

  it("tells the rule who asks, for what, whose it is and how much", function()
    script.expect("wallet", { id = ids.wallet, company = ids.child, currency = "KWD" })
    local policy <const> = { amounts = { { permission = "*", currency = "KWD", max = "50" } } }
    assert.equal(204, run(policy))
    assert.equal("rbac.authorize", asked.hook)
    assert.same({ id = ids.key, kind = "key", company = ids.own, roles = { "finance" } }, asked.input.actor)
    assert.same({ company = ids.child, below = true, amount = "60.00", currency = "KWD" }, asked.input.resource)
    assert.same({ "wallets:write", policy }, { asked.input.permission, asked.input.policy })
  end)

  it("takes the amount of an order from the order", function()
    local order <const> = tg.id.new("top")
    script.expect("topup_order", { id = order, wallet = ids.wallet, amount = tg.decimal.new("70") })
    script.expect("wallet", { id = ids.wallet, company = ids.child, currency = "KWD" })
    script.expect("company", { id = ids.child, depth = 1, parent = ids.own })
    local settle <const> = { permission = "wallets:topup", api = { ids = { id = "top" }, body = decimal } }
    local req = script.request({ params = { id = order }, body = { reference = "SEPA" } })
    req.policy = carried.pack(ids.own, { amounts = { { permission = "*", currency = "KWD", max = "50" } } }, {})
    assert.equal(204, service.guard(settle, function()
      return 204
    end)(req))
    assert.equal("70", asked.input.resource.amount)
  end)

  it("looks for the company that a body names, however deep", function()
    local usage <const> = { permission = "usage:write", api = { body = v.list(v.boolean(), { max = 9 }) } }
    assert.equal(204, run({ own_only = { "*" } }, { body = { { event_id = "1" }, { company = ids.child } } }, usage))
    assert.equal(ids.child, asked.input.resource.company)
    assert.equal(204, run({ own_only = { "*" } }, { body = { { company = ids.own } } }, usage))
    assert.equal(ids.own, asked.input.resource.company)
  end)

  it("looks into each line of NDJSON", function()
    local bodies <const> = { decimal, { type = "application/x-ndjson" } }
    local usage <const> = { permission = "usage:write", api = { body = bodies } }
    run({ own_only = { "*" } }, {
      text = ('{"event_id":"1"}\n{"company":"%s"}\n'):format(ids.child),
      headers = { ["content-type"] = "application/x-ndjson" },
    }, usage)
    assert.equal(ids.child, asked.input.resource.company)
  end)

  it("looks into what is on several lines, and takes nothing that it cannot look into", function()
    local bodies <const> = { decimal, { type = "application/x-ndjson" } }
    local usage <const> = { permission = "usage:write", api = { body = bodies } }
    local headers <const> = { ["content-type"] = "application/x-ndjson" }
    run({ own_only = { "*" } }, { text = ('[{"company":\n"%s"}]'):format(ids.child), headers = headers }, usage)
    assert.equal(ids.child, asked.input.resource.company)
    local status, err = run({ own_only = { "*" } }, { text = '{"a":1}\n{"company":', headers = headers }, usage)
    assert.same({ nil, "malformed_json" }, { status, err.type })
  end)

  it("is before what somebody approves, too", function()
    local req = script.request()
    req.policy = carried.pack(ids.own, { amounts = {} }, {})
    local what <const> = { permission = "wallets:write", company = ids.child, input = { amount = "70" } }
    script.expect("company", { id = ids.child, currency = "USD" })
    assert.is_true(service.check_deciding(req, what))
    assert.same({ "70", "USD", ids.child }, {
      asked.input.resource.amount, asked.input.resource.currency, asked.input.resource.company,
    })
    answer = { allow = false, reason = "amount_limit" }
    script.expect("company", { id = ids.child, currency = "USD" })
    assert.equal("policy_amount_limit", select(2, service.check_deciding(req, what)).type)
    req.policy = nil
    assert.is_true(service.check_deciding(req, what))
  end)

  it("says why not", function()
    answer = { allow = false, reason = "hours" }
    local status, err = run({ hours = {} })
    assert.same({ nil, "policy_hours" }, { status, err.type })
    answer = { allow = false, reason = "reauthenticate" }
    status, err = run({ hours = {} })
    assert.same({ nil, "reauthentication_required" }, { status, err.type })
  end)

  it("denies when the rule fails, and waits while it is loaded", function()
    answer, failure = nil, { code = "bug", detail = "line 7" }
    local status, err = run({ hours = {} })
    assert.same({ nil, "denied", "policy_failed" }, { status, err.code, err.type })
    failure = { code = "busy", detail = "later" }
    assert.same({ nil, failure }, { run({ hours = {} }) })
  end)

  it("refuses an amount that is none before anybody compares it", function()
    script.expect("wallet", { id = ids.wallet, company = ids.own, currency = "USD" })
    local _, err = run({ amounts = {} }, { body = { amount = "1e9" } })
    assert.equal("/amount", err.errors[1].pointer)
    assert.same({}, asked)
  end)

  it("is not before what people do for themselves, nor what says why not", function()
    answer = { allow = false, reason = "hours" }
    assert.equal(204, run({ hours = {} }, nil, { permission = "me:write", api = {} }))
    assert.equal(204, run({ hours = {} }, nil, { permission = "rules:activate", no_policy = "the way back", api = {} }))
  end)

  it("asks when a person last gave a password only for policies that want to know", function()
    script.expect("session", { reauthenticated_at = 5 })
    run({ fresh = { "*" } }, { principal = { company = ids.own, actor = ids.user, session = ids.session } })
    assert.same({ 5, "user" }, { asked.input.reauthenticated_at, asked.input.actor.kind })
  end)

  it("refuses policies that whoever makes them could not change back", function()
    answer = { allow = false, reason = "hours" }
    script.expect("of_key", { company = ids.own })
    local done, err = service.check_open({ hours = {} }, { actor = ids.key }, ids.own)
    assert.same({ nil, "/settings/policies" }, { done, err.errors[1].pointer })
    script.expect("of_key", { company = ids.own })
    assert.is_true(service.check_open({ hours = {} }, { actor = ids.key }, ids.child)) -- from above: not theirs
  end)
end)
