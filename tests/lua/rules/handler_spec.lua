local handler = require("rules.handler")
local report = require("rules.report")
local script = require("helper")
local world = require("rules.world")

local ids = script.ids
local null <const> = tg.json.null

-- A request of the platform; the handler asks first who it is.
local function request(options)
  script.expect("company", { id = ids.own })
  return script.request(options)
end

local function slot(bundle)
  return { revision = 4, bundle = bundle, share_ppm = 0, set_by = "migration", set_at = 0 }
end

describe("requests about rules", function()
  before_each(world.open)
  after_each(function()
    script.finish()
    world.close()
  end)

  it("find nothing for a company that is not the platform", function()
    for name, work in pairs(handler) do
      script.expect("company", { id = ids.child, parent = ids.own })
      local status, err = work(script.request({ params = { id = world.NEW } }))
      assert.is_nil(status, name)
      assert.equal("not_found", err.code, name)
    end
  end)

  it("list the hooks with what they promise", function()
    local req = request()
    script.expect("slot", slot())
    local status, body = handler.hooks(req)
    assert.equal(200, status)
    local by_name = {}
    for _, hook in ipairs(body.data) do
      by_name[hook.name] = hook
    end
    local rate = by_name["pricing.rate_usage"]
    assert.same({ "pricing/rules.lua", "park", null }, { rate.path, rate.on_failure, rate.awaits })
    assert.is_table(rate.input)
    assert.equal(null, by_name["billing.tax"].asked_by)
  end)

  it("publish once, however often they are sent", function()
    local row = { id = world.NEW, author = ids.key, note = "n", hooks = {}, created_at = 0 }
    local body <const> = { base = "none", files = { { path = "x/rules.lua", source = "x\n" } }, note = "n" }
    local req = request({ body = body, headers = { ["idempotency-key"] = "k" } })
    script.expect("operation", nil)
    script.expect("bundle", nil)
    script.expect("insert_bundle", 1)
    script.expect("insert_file", 1)
    script.expect("bundle", row)
    local kept
    script.expect("insert_operation", 1, nil, function(args)
      kept = args
    end)
    local status, answer, headers = handler.publish(req)
    assert.equal(201, status)
    assert.same({ "x/rules.lua" }, { table.unpack(answer.changed) })
    assert.equal("/v1/rules/bundles/" .. world.NEW, headers.location)
    req = request({ body = body, headers = { ["idempotency-key"] = "k" } })
    local hash = tg.crypto.sha256("POST /v1/rules/bundles\n")
    script.expect("operation", { request_hash = hash, status = kept.status, response = kept.response })
    local again, same
    again, same, headers = handler.publish(req)
    assert.equal(201, again)
    assert.same({ world.NEW, "n" }, { same.id, same.note })
    assert.equal("true", headers["idempotency-replayed"])
  end)

  it("answer refused rules with a problem that names each line", function()
    world.open({ check = function()
      local fault <const> = { path = "x/rules.lua", line = 2, what = "syntax", message = "near 'end'" }
      return { ok = false, faults = { fault } }
    end })
    local status, problem, headers = handler.publish(request({
      body = { base = "none", files = { { path = "x/rules.lua", source = "end" } } },
    }))
    assert.equal(422, status)
    assert.equal("application/problem+json", headers["content-type"])
    assert.same({ "https://tollgate.dev/problems/bundle_refused", 422, "req-1", "x/rules.lua:2: near 'end'" },
      { problem.type, problem.status, problem.request_id, problem.detail })
    assert.same({ { pointer = "/files/0/source", path = "x/rules.lua", line = 2, what = "syntax",
      message = "near 'end'", detail = "near 'end'" } }, { table.unpack(problem.errors) })
  end)

  it("refuse bodies of another shape before anything is looked at", function()
    local cases <const> = {
      { "publish", { files = "x" }, "/files" },
      { "publish", { files = { { path = "x" } } }, "/files/0/source" },
      { "publish", { files = { { path = "x", source = 1 } } }, "/files/0/source" },
      { "publish", { files = { { path = "x", source = "" }, { path = "x", source = "" } } }, "/files/1/path" },
      { "publish", { files = {}, base = "old" }, "/base" },
      { "activate", { bundle = world.NEW }, "/if_revision" },
      { "activate", { bundle = "active", if_revision = 1 }, "/bundle" },
      { "activate", { bundle = world.NEW:upper(), if_revision = 1 }, "/bundle" },
      { "activate", { bundle = world.NEW, if_revision = 1, gate = { max_increase_percent = 2 } },
        "/gate/max_increase_percent" },
      { "activate", { bundle = world.NEW, if_revision = 1, gate = { max_increase_percent = "1000001" } },
        "/gate/max_increase_percent" },
      { "activate", { bundle = world.NEW, if_revision = 1, gate = { backtest = "bt" } }, "/gate/backtest" },
      { "roll_back", { if_revision = -1 }, "/if_revision" },
      { "set_shadow", { bundle = world.NEW }, "/share" },
      { "set_shadow", { bundle = world.NEW, share = "1.1" }, "/share" },
      { "set_shadow", { bundle = world.NEW, share = "0.0000001" }, "/share" },
      { "set_shadow", { bundle = "release", share = "1" }, "/bundle" },
      { "dry_run", { bundle = "active", hook = "h", input = tg.json.array({}) }, "/input" },
      { "dry_run", { bundle = "active", hook = "h", input = { a = { 1, null } } }, "/input/a/1" },
      { "dry_run", { bundle = "active", hook = "h", input = {}, flags = { ["X y"] = true } }, "/flags/X y" },
      { "create_backtest", { bundle = "active", from = "yesterday", to = "2026-01-01T00:00:00Z" }, "/from" },
    }
    for _, case in ipairs(cases) do
      local status, err = handler[case[1]](request({ body = case[2] }))
      assert.is_nil(status)
      assert.equal(case[3], err.errors[1].pointer)
    end
  end)

  it("show bundles by id and by name, with their files when asked", function()
    script.expect("company", { id = ids.own })
    local status, body = handler.bundle(script.request({ params = { id = "release" }, query = { files = "true" } }))
    assert.equal(200, status)
    assert.same({ world.RELEASE, null, null, 1 }, { body.id, body.author, body.created_at, #body.files })
    local _, err = handler.bundle(request({ params = { id = "newest" } }))
    assert.equal("not_found", err.code)
    local req = request({ params = { id = world.NEW } })
    script.expect("bundle", { id = world.NEW, author = "k", note = "", hooks = {}, created_at = 0 })
    _, body = handler.bundle(req)
    assert.is_nil(body.files)
  end)

  it("page through bundles by time and id", function()
    local req = request({ query = { limit = "1" } })
    local function row(id)
      return { id = id, author = "k", note = "", hooks = {}, created_at = 5000000 }
    end
    script.expect("bundles", { row(world.NEW), row(world.ACTIVE) }, nil, function(args)
      assert.same({ 2 }, { args.limit, args.at })
    end)
    script.expect("bundles_total", { total = 2 })
    local _, body = handler.bundles(req)
    assert.same({ 1, 2 }, { #body.data, body.total })
    req = request({ query = { limit = "1", cursor = body.next_cursor } })
    script.expect("bundles", {}, nil, function(args)
      assert.same({ 5000000, world.NEW }, { args.at, args.id })
    end)
    _, body = handler.bundles(req)
    assert.equal(null, body.next_cursor)
  end)

  it("tell who lost a race what is active", function()
    local req = request({ body = { bundle = "release", if_revision = 3 } })
    script.expect("slot", slot(world.ACTIVE))
    local status, problem = handler.activate(req)
    assert.equal(409, status)
    assert.same({ 4, world.ACTIVE }, { problem.revision, problem.bundle })
  end)

  it("say what the gate found wrong", function()
    local req = request({ body = { bundle = world.NEW, if_revision = 4, gate = { min_shadow_calls = 1 } } })
    script.expect("bundle", { id = world.NEW, hooks = {} })
    script.expect("slot", slot())
    script.expect("slot", slot(world.ACTIVE))
    local status, problem = handler.activate(req)
    assert.equal(422, status)
    assert.same({ "The bundle is not in the shadow." }, { table.unpack(problem.reasons) })
    assert.equal("The gate does not let it through", problem.title)
  end)

  it("show how far each node has come", function()
    local req = request()
    local function node(revision)
      return { node = tg.id.new("node"), host = "a:1", revision = revision, candidate_revision = 0, started_at = 0,
        seen_at = 0, threads = { { name = "loop-0", revision = revision } } }
    end
    script.expect("slot", slot(world.ACTIVE))
    script.expect("nodes", { node(4), node(3) }, nil, function(args)
      assert.equal(tg.time.now() - 10000000, args.since)
    end)
    local _, body = handler.active(req)
    assert.same({ false, true }, { body.nodes[1].behind, body.nodes[2].behind })
    assert.equal(world.ACTIVE, body.bundle)
  end)

  it("give an output, or the failure with its trace, both as an answer", function()
    local error <const> = { message = "x/rules.lua:3: oh", trace = "x/rules.lua:3: in decide", limit = false }
    for _, result in ipairs({ { output = { total = "1" }, usecs = 3, memory = 9 }, { error = error, usecs = 1 } }) do
      world.open({ dry_run = function()
        return result
      end })
      local status, body = handler.dry_run(request({
        body = { bundle = "release", hook = "pricing.rate_usage", input = { a = null, b = { { c = null } } } },
      }))
      assert.equal(200, status)
      assert.equal(result.error, body.error)
      assert.equal(world.RELEASE, body.bundle)
      assert.same({ b = { {} } }, world.was_asked("dry_run").input)
    end
  end)

  it("show the history, newest first, page by page", function()
    local req = request({ query = { limit = "1" } })
    local row <const> = { revision = 9, reason = "rollback", detail = "", set_by = "k", set_at = 0 }
    script.expect("activations", { row, row })
    local _, body = handler.activations(req)
    assert.same({ "release", "release", null }, { body.data[1].bundle, body.data[1].previous, body.data[1].gate })
    req = request({ query = { cursor = body.next_cursor } })
    script.expect("activations", {}, nil, function(args)
      assert.equal(9, args.before)
    end)
    assert.equal(200, (handler.activations(req)))
  end)

  it("show a backtest with what it says of the money", function()
    local id = tg.id.new("bt")
    local req = request({ params = { id = id } })
    script.expect("backtest", {
      id = id, bundle = world.NEW, from_time = 0, to_time = 0, company = ids.own, state = "running", events = 10,
      events_done = 5, report = report.add_page(report.nothing(ids.own), { samples = {}, companies = { {
        company = ids.own, currency = "USD", same = 4, different = 1, errors = 0, stored = "1", new = "1.1",
        deltas = { ["0.1"] = 1 },
      } } }),
      set_by = "k", created_at = 0, updated_at = 0,
    })
    local _, body = handler.backtest(req)
    assert.same({ "0.1", "10", "0.1" },
      { body.report.totals[1].difference, body.report.totals[1].percent, body.report.companies[1].max })
    script.expect("company", { id = ids.own })
    script.expect("backtest", nil)
    local _, err = handler.backtest(script.request({ params = { id = id } }))
    assert.equal("not_found", err.code)
  end)
end)
