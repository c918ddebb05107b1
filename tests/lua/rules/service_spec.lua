local report = require("rules.report")
local script = require("helper")
local service = require("rules.service")
local world = require("rules.world")

local ids = script.ids
local ME <const> = ids.key

-- Who stands behind a key is asked by identity's own spec.
require("identity.service").person = function(actor)
  return actor
end

local function record()
  return true
end

local function bundle_of(author)
  return { id = world.NEW, author = author, hooks = {}, note = "", created_at = 0 }
end

local function expect_review(others, people)
  local keys = { { id = ME, permissions = { "*" } }, { id = "key_reader", permissions = { "rules:read" } } }
  for i = 1, others do
    keys[#keys + 1] = { id = "key_" .. i, permissions = { "rules:activate" } }
  end
  script.expect("living_keys", keys)
  script.expect("holders", people or { { user = "usr_1", role = "rule_editor" } })
end

local function expect_set(changed, check)
  script.expect("set_active", changed, nil, function(args)
    assert.is_true(script.in_transaction)
    assert.equal(7, args.revision)
  end)
  if changed == 1 then
    script.expect("insert_activation", 1, nil, check)
  end
end

local function activate(input)
  local given = { bundle = world.NEW, if_revision = 7 }
  for key, value in pairs(input or {}) do
    given[key] = value
  end
  return service.activate(given, ME, record)
end

describe("activation", function()
  before_each(world.open)
  after_each(function()
    script.finish()
    world.close()
  end)

  it("is one transaction that grows the revision; then the nodes are told", function()
    script.expect("bundle", bundle_of("key_other"))
    script.expect("slot", { revision = 7, bundle = world.ACTIVE })
    expect_review(1)
    expect_set(1, function(args)
      assert.same({ 8, world.NEW, world.ACTIVE, "activate", ME },
        { args.revision, args.bundle, args.previous, args.reason, args.set_by })
    end)
    local result = assert(activate())
    assert.same({ revision = 8, bundle = world.NEW, previous = world.ACTIVE }, result)
    assert.same({ "PUBLISH", "tollgate:rules", 8 }, { world.was_asked("redis") })
    assert.equal("wake", world.asked[#world.asked - 1][1])
  end)

  it("succeeds whatever becomes of the hint", function()
    world.open({ redis = function()
      error("no Redis at all")
    end })
    script.expect("bundle", bundle_of("key_other"))
    script.expect("slot", { revision = 7 })
    expect_review(1)
    expect_set(1)
    assert.equal("release", assert(activate()).previous)
  end)

  it("tells who comes second what is active", function()
    script.expect("bundle", bundle_of("key_other"))
    script.expect("slot", { revision = 9, bundle = world.ACTIVE })
    local _, err = activate()
    assert.same({ "conflict", "revision_moved" }, { err.code, err.type })
    assert.same({ revision = 9, bundle = world.ACTIVE }, err.members)
    script.expect("bundle", bundle_of("key_other"))
    script.expect("slot", { revision = 7 })
    expect_review(1)
    expect_set(0)
    script.expect("slot", { revision = 8 })
    _, err = activate()
    assert.same({ revision = 8, bundle = "release" }, err.members)
    assert.is_nil(world.was_asked("redis"))
  end)

  it("changes nothing when the bundle is active already", function()
    script.expect("bundle", bundle_of("key_other"))
    script.expect("slot", { revision = 7, bundle = world.NEW })
    assert.same({ revision = 7, bundle = world.NEW, previous = world.NEW }, activate())
  end)

  it("goes to the release's rules without a review: nobody here wrote them", function()
    script.expect("slot", { revision = 7, bundle = world.ACTIVE })
    expect_set(1, function(args)
      assert.is_nil(args.bundle)
    end)
    assert.equal("release", assert(activate({ bundle = "release" })).bundle)
  end)

  it("asks for a second person", function()
    script.expect("bundle", bundle_of(ME))
    script.expect("slot", { revision = 7 })
    expect_review(1)
    local _, err = activate()
    assert.same({ "denied", "reviewer_is_author" }, { err.code, err.type })
    local hook, input = world.was_asked("call")
    assert.equal("admin.step", hook)
    assert.same({ "rules.activate", "proposed", "approve", ME, ME, false },
      { input.flow, input.state, input.event.type, input.event.actor, input.event.author, input.event.alone })
  end)

  it("counts people as well as keys", function()
    script.expect("bundle", bundle_of(ME))
    script.expect("slot", { revision = 7 })
    expect_review(0, { { user = "usr_1", role = "platform_admin" } })
    local _, err = activate()
    assert.equal("reviewer_is_author", err.type)
  end)

  it("lets somebody who is alone do it, and writes that down", function()
    script.expect("bundle", bundle_of(ME))
    script.expect("slot", { revision = 7 })
    expect_review(0)
    expect_set(1, function(args)
      assert.equal("author_is_alone", args.detail)
    end)
    assert(activate())
  end)

  it("does not happen when the rule that reviews fails", function()
    world.open({ call = function()
      return nil, { code = "bug", detail = "admin/rules.lua:1: oh" }
    end })
    script.expect("bundle", bundle_of("key_other"))
    script.expect("slot", { revision = 7 })
    expect_review(1)
    local _, err = activate()
    assert.same({ "denied", "review_failed" }, { err.code, err.type })
    world.open({ call = function()
      return nil, { code = "busy", detail = "the rules are being loaded again" }
    end })
    script.expect("bundle", bundle_of("key_other"))
    script.expect("slot", { revision = 7 })
    expect_review(1)
    _, err = activate()
    assert.equal("busy", err.code)
  end)

  it("refuses a bundle that nobody published", function()
    script.expect("bundle", nil)
    local _, err = activate()
    assert.equal("/bundle", err.errors[1].pointer)
  end)
end)

describe("a gate", function()
  before_each(world.open)
  after_each(function()
    script.finish()
    world.close()
  end)

  local function expect_shadow(bundle, rows, groups)
    script.expect("bundle", bundle_of("key_other"))
    script.expect("slot", { revision = 7 })
    script.expect("slot", { revision = 3, bundle = bundle })
    if rows then
      script.expect("shadow_hooks", rows)
      script.expect("shadow_money", groups)
    end
  end

  local function group(stored, new)
    return { company = "co_1", currency = "USD", same = 0, different = 100, errors = 0,
      stored = tg.decimal.new(stored), new = tg.decimal.new(new) }
  end

  it("lets through what the shadow has found good, and keeps what it saw", function()
    expect_shadow(world.NEW, { { hook = "h", same = 90, different = 10, errors = 0 } }, { group("100", "102.5") })
    expect_review(1)
    expect_set(1, function(args)
      assert.same({ calls = 100, errors = 0 }, args.gate.found)
      assert.equal("2.5", args.gate.demanded.max_increase_percent)
    end)
    assert(activate({ gate = { max_increase_percent = "2.5", max_shadow_errors = 0, min_shadow_calls = 100 } }))
  end)

  it("says all that is not as it was demanded", function()
    expect_shadow(world.NEW, { { hook = "h", same = 90, different = 0, errors = 9 } }, { group("100", "102.6") })
    local _, err = activate({ gate = { max_increase_percent = "2.5", max_shadow_errors = 0, min_shadow_calls = 100 } })
    assert.equal("gate_refused", err.type)
    assert.equal(3, #err.members.reasons)
    assert.equal("99 calls were compared, at least 100 are wanted, and 2 more: see reasons", err.detail)
  end)

  it("refuses a bundle that is not in the shadow, whatever it demands", function()
    expect_shadow(world.ACTIVE)
    local _, err = activate({ gate = { max_increase_percent = "5" } })
    assert.same({ "The bundle is not in the shadow." }, { table.unpack(err.members.reasons) })
  end)

  it("looks at a finished backtest of this bundle instead", function()
    local backtest = { bundle = world.NEW, state = "done", report = { groups = { group("100", "101") } } }
    for _, wrong in ipairs({ { "state", "running" }, { "bundle", world.ACTIVE } }) do
      local other = { bundle = world.NEW, state = "done" }
      other[wrong[1]] = wrong[2]
      script.expect("bundle", bundle_of("key_other"))
      script.expect("slot", { revision = 7 })
      script.expect("backtest", other)
      local _, err = activate({ gate = { backtest = "bt_1", max_increase_percent = "1" } })
      assert.equal("/gate/backtest", err.errors[1].pointer)
    end
    script.expect("bundle", bundle_of("key_other"))
    script.expect("slot", { revision = 7 })
    script.expect("backtest", backtest)
    expect_review(1)
    expect_set(1)
    assert(activate({ gate = { backtest = "bt_1", max_increase_percent = "1", min_shadow_calls = 100 } }))
  end)
end)

describe("going back", function()
  before_each(world.open)
  after_each(function()
    script.finish()
    world.close()
  end)

  -- The history as the table has it, newest first, from what happened.
  local function history(...)
    local rows, active = {}, nil
    for revision, step in ipairs({ ... }) do
      table.insert(rows, 1, { revision = revision, reason = step[1], previous = active, bundle = step[2] })
      active = step[2]
    end
    return rows
  end

  local function roll_back(rows, expected)
    script.expect("slot", { revision = 7, bundle = rows[1] and rows[1].bundle })
    script.expect("activations", rows)
    script.expect("set_active", 1, nil, function(args)
      assert.equal(expected, args.bundle)
    end)
    script.expect("insert_activation", 1, nil, function(args)
      assert.equal("rollback", args.reason)
    end)
    return assert(service.roll_back({}, ME, record))
  end

  it("takes back one activation each time, also across those that were taken back before", function()
    roll_back(history({ "activate", "A" }, { "activate", "B" }), "A")
    roll_back(history({ "activate", "A" }, { "activate", "B" }, { "rollback", "A" }), nil)
    roll_back(history({ "activate", "A" }, { "activate", "B" }, { "activate", "A" }), "B")
    roll_back(history({ "activate", "A" }, { "activate", "B" }, { "activate", "A" }, { "automatic", "B" }), "A")
    roll_back(history({ "activate", "A" }, { "activate", "B" }, { "rollback", "A" }, { "activate", "C" }), "A")
    assert.is_nil(world.was_asked("call"))
  end)

  it("says when there is nothing to go back to", function()
    script.expect("slot", { revision = 2 })
    script.expect("activations", history({ "activate", "A" }, { "rollback" }))
    local _, err = service.roll_back({}, ME, record)
    assert.equal("nothing_to_roll_back", err.type)
  end)

  it("tells who comes second", function()
    script.expect("slot", { revision = 2 })
    local _, err = service.roll_back({ if_revision = 1 }, ME, record)
    assert.equal("revision_moved", err.type)
  end)
end)

describe("the shadow", function()
  before_each(world.open)
  after_each(function()
    script.finish()
    world.close()
  end)

  it("gets a bundle and its share of a million", function()
    script.expect("bundle", bundle_of(ME))
    script.expect("slot", { revision = 3 })
    script.expect("set_candidate", 1, nil, function(args)
      assert.same({ 3, world.NEW, 10000 }, { args.revision, args.bundle, args.share_ppm })
    end)
    script.expect("slot", { revision = 4, bundle = world.NEW, share_ppm = 10000 })
    assert.equal(4, assert(service.set_shadow({ bundle = world.NEW, share = "0.01" }, ME, record)).revision)
    assert.is_true(#world.asked > 0)
  end)

  it("ends with null", function()
    script.expect("slot", { revision = 4 })
    script.expect("set_candidate", 1, nil, function(args)
      assert.is_nil(args.bundle)
      assert.equal(0, args.share_ppm)
    end)
    script.expect("slot", { revision = 5, share_ppm = 0 })
    assert(service.set_shadow({ bundle = tg.json.null }, ME, record))
  end)

  it("reports what all nodes have found, with the spread of the largest", function()
    local function row()
      return { company = "co_1", currency = "USD", same = 1, different = 2, errors = 0, stored = tg.decimal.new(3),
        new = tg.decimal.new(4) }
    end
    script.expect("slot", { revision = 4, bundle = world.NEW })
    script.expect("shadow_hooks", { { hook = "pricing.rate_usage", same = 1, different = 2, errors = 0 } })
    script.expect("shadow_money", { row() })
    script.expect("shadow_samples", {})
    script.expect("shadow_deltas", { { deltas = { ["0.5"] = 1 } }, { deltas = { ["0.5"] = 1 } } })
    local found = assert(service.shadow_report())
    assert.equal("0.5", report.show(found.groups[1], true).p50)
    assert.equal("1", report.show(found.totals[1]).difference)
  end)
end)

describe("a dry run", function()
  before_each(world.open)
  after_each(function()
    script.finish()
    world.close()
  end)

  it("gives files, input, deck and flags to a fresh VM", function()
    world.open({ dry_run = function()
      return { output = { total = "1" }, log = {}, usecs = 5, memory = 100 }
    end })
    script.expect("bundle", bundle_of(ME))
    script.expect("files", { { path = "p/rules.lua", source = "x" } })
    script.expect("deck", { id = ids.deck, version = 3 })
    local result = assert(service.dry_run({
      bundle = world.NEW, hook = "pricing.rate_usage", input = { a = 1 }, deck = { id = ids.deck },
      flags = { x = true },
    }))
    assert.equal(world.NEW, result.bundle)
    assert.same({ ids.deck, 3 }, { world.was_asked("get") })
    local given = world.was_asked("dry_run")
    assert.same({ "x", "a deck", true, 1 }, { given.bundle[1].source, given.deck, given.flags.x, given.input.a })
  end)

  it("refuses hooks, bundles and decks that are not there", function()
    local _, err = service.dry_run({ bundle = "release", hook = "pricing.guess", input = {} })
    assert.equal("/hook", err.errors[1].pointer)
    script.expect("bundle", nil)
    _, err = service.dry_run({ bundle = world.NEW, hook = "pricing.rate_usage", input = {} })
    assert.equal("/bundle", err.errors[1].pointer)
    script.expect("deck", nil)
    _, err = service.dry_run({ bundle = "release", hook = "pricing.rate_usage", input = {}, deck = { id = ids.deck } })
    assert.equal("/deck/id", err.errors[1].pointer)
  end)
end)

describe("asking for a backtest", function()
  before_each(world.open)
  after_each(function()
    script.finish()
    world.close()
  end)

  local function create(input)
    local given = { bundle = "release", from = 0, to = 1000 }
    for key, value in pairs(input or {}) do
      given[key] = value
    end
    return service.create_backtest(given, { company = ids.own, actor = ME }, record)
  end

  it("keeps it and its job in one transaction", function()
    script.expect("company", { id = ids.own })
    local id
    script.expect("insert_backtest", 1, nil, function(args)
      id = args.id
      assert.equal(world.RELEASE, args.bundle)
      assert.equal(ids.own, args.report.company)
    end)
    script.expect("insert", 1, nil, function(args)
      assert.equal("rules.jobs:backtest", args.handler)
      assert.equal(id, args.arguments.backtest)
      assert.is_true(script.in_transaction)
    end)
    script.expect("backtest", { id = "bt_1" })
    assert.equal("bt_1", assert(create()).id)
  end)

  it("refuses a time that is none, or too long, and companies of others", function()
    local _, err = create({ from = 1000 })
    assert.equal("/to", err.errors[1].pointer)
    _, err = create({ to = 367 * 86400 * 1000000 })
    assert.equal("/from", err.errors[1].pointer)
    script.expect("company", nil)
    _, err = create({ company = ids.child })
    assert.equal("/company", err.errors[1].pointer)
  end)
end)
