local script = require("helper")
local service = require("approvals.service")

local ids = script.ids
local PROPOSER <const> = tg.id.new("key")
local DECIDER <const> = tg.id.new("key")
local PERSON <const> = tg.id.new("usr")
local RUN <const> = { permission = "companies:write" }

local asked, answer, real_rules, real_locals

-- Who stands behind a key is asked by identity's own spec.
require("identity.service").person = function(actor)
  return actor
end

local function approval(fields)
  local row = {
    id = tg.id.new("apv"), company = ids.own, operation = "identity.change_company", flow = "company_suspend",
    object = ids.child, input = { status = "suspended" }, state = "waiting", proposer = PROPOSER,
    created_at = tg.time.now() - 1000000, expires_at = tg.time.now() + 1000000,
  }
  for name, value in pairs(fields or {}) do
    row[name] = value
  end
  return row
end

local function operation(result, err)
  return {
    permission = RUN.permission,
    run = function(row, decider, record)
      asked.ran = (asked.ran or 0) + 1
      asked.on_behalf_of = tg.locals().actor
      if not result then
        return nil, err
      end
      return tg.db.transaction(function(tx)
        local done, failed = record(tx, result)
        if not done then
          return nil, failed
        end
        return { row = row, decider = decider }
      end)
    end,
  }
end

local function open()
  asked, answer = {}, { state = "approved", done = true }
  real_rules, real_locals = tg.rules, tg.locals
  local locals = {}
  tg.locals = function()
    return locals
  end
  tg.rules = {
    call = function(hook, input)
      asked.hook, asked.input = hook, input
      if answer.code then
        return nil, answer
      end
      return answer
    end,
  }
end

local function close()
  tg.rules, tg.locals = real_rules, real_locals
  script.finish()
end

local function expect_rights(decider, proposer)
  script.expect("living_key", decider and { permissions = decider })
  if proposer then
    script.expect("living_key", proposer[1] and { permissions = proposer })
  end
end

describe("asking whether something may happen now", function()
  before_each(open)
  after_each(close)

  local function review(actor)
    return service.review({ flow = "company_suspend", permission = "companies:write", actor = actor, author = actor })
  end

  it("tells the rule whether somebody else could approve", function()
    script.expect("living_keys", { { id = DECIDER, permissions = { "*" } }, { id = PROPOSER, permissions = { "*" } } })
    script.expect("holders", {})
    assert.same({ "now", "" }, { review(PROPOSER) })
    assert.equal("admin.step", asked.hook)
    assert.same({ "company_suspend", "proposed", "approve", false, PROPOSER }, {
      asked.input.flow, asked.input.state, asked.input.event.type, asked.input.event.alone, asked.input.event.author,
    })
    assert.is_nil(asked.input.event.reauthenticated)
  end)

  it("waits when the rule wants a second person", function()
    script.expect("living_keys", {})
    script.expect("holders", { { user = PERSON, role = "owner" } })
    answer = { state = "proposed", done = false, reason = "reviewer_is_author" }
    assert.equal("wait", (review(PROPOSER)))
    assert.is_false(asked.input.event.alone)
  end)

  it("asks a lone person for the password, if it was not given lately", function()
    tg.locals().session = "ses_1"
    script.expect("living_keys", {})
    script.expect("holders", {})
    script.expect("session", nil)
    answer = { state = "proposed", done = false, reason = "reauthenticate" }
    local decision, err = review(PERSON)
    assert.is_nil(decision)
    assert.same({ "denied", "reauthentication_required" }, { err.code, err.type })
    assert.is_false(asked.input.event.reauthenticated)
  end)

  it("is refused when the rule fails, and put off while it is being loaded", function()
    for _, case in ipairs({ { "bug", "denied" }, { "busy", "busy" } }) do
      script.expect("living_keys", {})
      script.expect("holders", {})
      answer = { code = case[1], detail = "x" }
      local _, err = review(PROPOSER)
      assert.equal(case[2], err.code)
    end
  end)
end)

describe("a wish", function()
  before_each(open)
  after_each(close)

  local WISH <const> = {
    operation = "identity.change_company", flow = "company_suspend", object = ids.child,
    input = { status = "suspended" },
  }

  it("is kept with its record, in one transaction", function()
    local recorded
    script.expect("waiting_approvals", {})
    script.expect("insert_approval", 1, nil, function(args)
      assert.is_true(script.in_transaction)
      assert.equal(7 * 86400 * 1000000, args.expires_at - args.now)
    end)
    script.expect("approval", approval())
    assert(service.propose(WISH, PROPOSER, function(_, row)
      recorded = row
      return true
    end))
    assert.equal("waiting", recorded.state)
    assert.equal("approvals.propose", script.audited[1].action)
  end)

  it("that was made already is the same approval; another one is not", function()
    local kept = approval()
    script.expect("waiting_approvals", { approval({ input = { status = "suspended", name = "x" } }), kept })
    assert.equal(kept.id, service.propose(WISH, PROPOSER, print).id)
  end)
end)

describe("an approval", function()
  before_each(open)
  after_each(close)

  local function expect_close(state, changed)
    script.expect("decide_approval", changed or 1, nil, function(args)
      assert.is_true(script.in_transaction)
      assert.same({ state, DECIDER }, { args.state, args.decider })
    end)
  end

  it("is carried out as whoever asked, and closed in that transaction", function()
    local row = approval()
    expect_rights({ "*" }, { "companies:*" })
    expect_close("done")
    script.expect("approval", approval({ state = "done" }))
    assert.equal("done", assert(service.approve(row, operation({ id = 1 }), DECIDER)).state)
    assert.same({ 1, PROPOSER }, { asked.ran, asked.on_behalf_of })
    assert.is_nil(tg.locals().actor)
    assert.same({ "approvals.approve", DECIDER }, { script.audited[1].action, script.audited[1].actor })
  end)

  it("is not given by whoever asked, by who may not do it, by who comes late, or twice by another", function()
    local function refused(row, actor)
      local _, err = service.approve(row, operation({}), actor)
      return err.code .. " " .. err.type
    end
    assert.equal("denied reviewer_is_author", refused(approval(), PROPOSER))
    expect_rights({ "companies:read" })
    assert.equal("denied denied", refused(approval(), DECIDER))
    expect_rights(nil)
    assert.equal("denied denied", refused(approval(), DECIDER))
    assert.equal("conflict approval_over", refused(approval({ expires_at = tg.time.now() }), DECIDER))
    for _, state in ipairs({ "done", "failed", "refused", "cancelled", "expired" }) do
      assert.equal("conflict approval_over", refused(approval({ state = state, decider = ids.key }), DECIDER))
    end
    assert.is_nil(asked.ran)
  end)

  it("that was given is given: the same answer, and nothing happens", function()
    local row = approval({ state = "done", decider = DECIDER })
    assert.equal(row, service.approve(row, operation({}), DECIDER))
    assert.is_nil(asked.ran)
  end)

  it("moves nothing when the rule says no", function()
    expect_rights({ "*" })
    answer = { state = "refused", done = true, reason = "expired" }
    local _, err = service.approve(approval(), operation({}), DECIDER)
    assert.same({ "denied", "expired" }, { err.code, err.type })
    assert.is_nil(asked.ran)
  end)

  it("fails for good when it cannot be carried out any more", function()
    expect_rights({ "*" }, { "*" })
    script.expect("decide_approval", 1, nil, function(args)
      assert.same({ "failed", "revision_moved" }, { args.state, args.result.type })
    end)
    script.expect("approval", approval({ state = "failed" }))
    local failing = operation(nil, { code = "conflict", type = "revision_moved", detail = "Somebody was first." })
    assert.equal("failed", assert(service.approve(approval(), failing, DECIDER)).state)
  end)

  it("fails when whoever asked has lost the right", function()
    expect_rights({ "*" }, { "companies:read" })
    expect_close("failed")
    script.expect("approval", approval({ state = "failed" }))
    assert(service.approve(approval(), operation({}), DECIDER))
    assert.is_nil(asked.ran)
  end)

  it("goes on waiting when the database is away, or when another was faster", function()
    for _, err in ipairs({ { code = "upstream", detail = "x" }, { code = "busy", detail = "x" } }) do
      expect_rights({ "*" }, { "*" })
      local _, failed = service.approve(approval(), operation(nil, err), DECIDER)
      assert.equal(err, failed)
    end
    expect_rights({ "*" }, { "*" })
    expect_close("done", 0)
    local _, raced = service.approve(approval(), operation({}), DECIDER)
    assert.equal("approval_raced", raced.type)
  end)

  it("is refused by a second person who might have approved, or taken back, and no rule is asked", function()
    expect_rights({ "companies:write" })
    expect_close("refused")
    script.expect("approval", approval({ state = "refused" }))
    assert(service.refuse(approval(), RUN, DECIDER))
    script.expect("decide_approval", 1, nil, function(args)
      assert.equal("cancelled", args.state)
    end)
    script.expect("approval", approval({ state = "cancelled" }))
    assert(service.refuse(approval(), RUN, PROPOSER))
    assert.is_nil(asked.hook)
    expect_rights({ "companies:read" })
    local _, err = service.refuse(approval(), RUN, DECIDER)
    assert.equal("denied", err.code)
  end)

  it("expires", function()
    script.expect("expired_approvals", { approval(), approval() })
    script.expect("expire_approval", 1)
    script.expect("expire_approval", 1)
    assert.equal(2, service.expire(10))
    assert.same({ "approvals.expire", ids.own }, { script.audited[2].action, script.audited[2].company })
  end)
end)

describe("what can be approved", function()
  it("is an operation of the API with a permission that exists", function()
    local permissions = require("identity.permissions")
    local routes = {}
    for _, route in ipairs(require("app").routes) do
      routes[route.api.id] = route
    end
    for name, one in pairs(require("approvals.operations")) do
      assert.equal(one.permission, routes[name].permission)
      assert.is_true(permissions.exists(one.permission))
      assert.is_function(one.run)
    end
  end)
end)
