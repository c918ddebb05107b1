--- Requests about rules. They are the platform's: for a company below it nothing is here.
local approvals = require("approvals.service")
local bundles = require("rules.bundles")
local errors = require("core.errors")
local identity = require("identity.service")
local operations = require("operations.service")
local page = require("core.page")
local report = require("rules.report")
local request = require("core.request")
local schema = require("rules.schema")
local service = require("rules.service")
local show = require("core.show")
local show_approval = require("approvals.show")
local v = require("core.validate")

local handler = {}

local or_null <const> = show.or_null
local PROBLEM <const> = { ["content-type"] = "application/problem+json" }
local TITLES <const> = {
  bundle_refused = "The rules are not accepted", gate_refused = "The gate does not let it through",
  revision_moved = "Somebody was first",
}
local STATUS <const> = { input = 422, conflict = 409 }

-- Two of our problems say more than others: what is wrong in which line, which revision is active.
local function answer(req, status, body, headers)
  if status or not body.members then
    return status, body, headers
  end
  local problem = {
    type = "https://tollgate.dev/problems/" .. body.type, title = TITLES[body.type], status = STATUS[body.code],
    detail = body.detail, request_id = req.id,
  }
  for name, value in pairs(body.members) do
    problem[name] = value
  end
  return problem.status, problem, PROBLEM
end

-- Bundles -------------------------------------------------------------------------------------------------------------

local function show_bundle(row)
  return {
    id = row.id, parent = or_null(row.parent), author = or_null(row.author),
    note = row.note, hooks = row.hooks, changed = row.changed, created_at = show.time(row.created_at),
  }
end

--- GET /v1/rules
function handler.hooks()
  local list, active = bundles.hooks()
  if not list then
    return nil, active
  end
  return 200, {
    bundle = active,
    data = show.each(list, function(one)
      local hook = one.hook
      return {
        name = one.name, summary = hook.summary, on_failure = hook.on_failure, says = or_null(hook.says),
        budget_us = hook.budget_us, asked_by = or_null(hook.asked_by), awaits = or_null(hook.awaits),
        input = hook.input, output = hook.output, path = or_null(one.path),
      }
    end),
  }
end

--- POST /v1/rules/bundles
function handler.publish(req)
  local input, err = request.body(req, schema.publish)
  if not input then
    return nil, err
  end
  return answer(req, operations.once(req, "POST /v1/rules/bundles", function(record)
    local bundle, created = bundles.publish(input, req.principal.actor, function(tx, row)
      return record(tx, 201, show_bundle(row))
    end)
    if not bundle then
      return nil, created
    end
    return created and 201 or 200, show_bundle(bundle), { location = "/v1/rules/bundles/" .. bundle.id }
  end, "/v1/rules/bundles/"))
end

--- GET /v1/rules/bundles
function handler.bundles(req)
  local query, limit = request.list(req, schema.bundle_list, { "time", "sha256" })
  if not query then
    return nil, limit
  end
  local rows, err = bundles.list(query)
  if not rows then
    return nil, err
  end
  return 200, page.answer(rows, limit, show_bundle, function(row)
    return { row.created_at, row.id }
  end)
end

-- A path's bundle: its id, or a name that stands for one.
local function path_bundle(text)
  if schema.is_bundle(text) or text == "active" or text == "release" then
    return text
  end
  return nil, errors.not_found("bundle")
end

--- GET /v1/rules/bundles/{id}?files=true
function handler.bundle(req)
  local name, err = path_bundle(req.params.id)
  local query, bundle
  if name then
    query, err = v.query(schema.bundle_show, req.query)
  end
  if query then
    bundle, err = bundles.bundle(name)
  end
  if not bundle then
    return nil, err
  end
  local body = show_bundle(bundle)
  if query.files == "true" then
    body.files, err = bundles.files(bundle)
    if not body.files then
      return nil, err
    end
  end
  return 200, body
end

local function show_changes(list)
  return show.each(list, function(change)
    return { path = change.path, change = change.change, diff = or_null(change.diff) }
  end)
end

--- GET /v1/rules/bundles/{id}/diff?to=
function handler.difference(req)
  local name, err = path_bundle(req.params.id)
  local query, found
  if name then
    query, err = v.query(schema.difference, req.query)
  end
  if query then
    found, err = bundles.difference(name, query.to or "active")
  end
  if not found then
    return nil, err
  end
  return 200, { bundle = found.bundle, to = found.other, files = show_changes(found.files) }
end

--- POST /v1/rules/diff: of files that nobody has published.
function handler.compare(req)
  local input, err = request.body(req, schema.compare)
  if not input then
    return nil, err
  end
  local found
  found, err = bundles.compare(input)
  if not found then
    return nil, err
  end
  return 200, { bundle = tg.json.null, to = found.other, files = show_changes(found.files) }
end

-- Activation ----------------------------------------------------------------------------------------------------------

-- A change of what decides: recorded under the Idempotency-Key, and its problems written out.
local function change(shape, route, work)
  return function(req)
    local input, err = request.body(req, shape)
    if not input then
      return nil, err
    end
    return answer(req, operations.once(req, route, function(record)
      local result, failed = work(input, req.principal.actor, function(tx, row)
        return record(tx, 200, row)
      end)
      if not result then
        return nil, failed
      end
      return 200, result
    end))
  end
end

-- Activates, or leaves it to a second person.
local function activate(req, input, record)
  local actor <const> = req.principal.actor
  local result, err = service.activate(input, actor, function(tx, row)
    return record(tx, 200, row)
  end)
  if result then
    return 200, result
  elseif not err.proposal then
    return nil, err
  end
  local approval
  approval, err = approvals.propose(err.proposal, actor, function(tx, row)
    return record(tx, 202, show_approval(row))
  end)
  if not approval then
    return nil, err
  end
  return 202, show_approval(approval), { location = "/v1/approvals/" .. approval.id }
end

--- PUT /v1/rules/active
function handler.activate(req)
  local input, err = request.body(req, schema.activate)
  if not input then
    return nil, err
  end
  return answer(req, operations.once(req, "PUT /v1/rules/active", function(record)
    return activate(req, input, record)
  end))
end

--- POST /v1/rules/rollback
handler.roll_back = change(schema.roll_back, "POST /v1/rules/rollback", service.roll_back)

local function show_node(row, revision)
  return {
    node = row.node, host = row.host, revision = row.revision, bundle = or_null(row.bundle),
    shadow_revision = row.candidate_revision, threads = row.threads, error = or_null(row.error),
    started_at = show.time(row.started_at), seen_at = show.time(row.seen_at), behind = row.revision < revision,
  }
end

--- GET /v1/rules/active
function handler.active()
  local slot, err = service.active()
  if not slot then
    return nil, err
  end
  return 200, {
    revision = slot.revision, bundle = slot.bundle or "release", set_by = slot.set_by, set_at = show.time(slot.set_at),
    nodes = show.each(slot.nodes, function(row)
      return show_node(row, slot.revision)
    end),
  }
end

--- GET /v1/rules/activations
function handler.activations(req)
  local query, limit = request.list(req, schema.list, { "count" })
  if not query then
    return nil, limit
  end
  local rows, err = service.activations(query)
  if not rows then
    return nil, err
  end
  return 200, page.answer(rows, limit, function(row)
    return {
      revision = row.revision, bundle = row.bundle or "release", previous = row.previous or "release",
      reason = row.reason, detail = row.detail, gate = or_null(row.gate), set_by = row.set_by,
      set_at = show.time(row.set_at),
    }
  end, function(row)
    return { row.revision }
  end)
end

-- Knowing before doing ------------------------------------------------------------------------------------------------

local function show_shadow(slot)
  return {
    revision = slot.revision, bundle = or_null(slot.bundle), set_by = slot.set_by, set_at = show.time(slot.set_at),
    share = tostring(tg.decimal.muldiv(1, slot.share_ppm, 1000000, 6, "half_up")),
  }
end

--- PUT /v1/rules/shadow
handler.set_shadow = change(schema.set_shadow, "PUT /v1/rules/shadow", function(input, actor, record)
  local slot, err = service.set_shadow(input, actor, function(tx, row)
    return record(tx, show_shadow(row))
  end)
  return slot and show_shadow(slot), err
end)

--- GET /v1/rules/shadow/report
function handler.shadow_report()
  local found, err = service.shadow_report()
  if not found then
    return nil, err
  end
  local body = show_shadow(found.slot)
  body.hooks = tg.json.array(found.hooks)
  local function show_group(group)
    return report.show(group, true)
  end
  body.totals = show.each(found.totals, show_group)
  body.companies = show.each(found.groups, show_group)
  body.samples = show.each(found.samples, function(row)
    return {
      hook = row.hook, company = row.company ~= "" and row.company or tg.json.null, input = row.input, live = row.live,
      candidate = or_null(row.candidate), error = or_null(row.error), seen_at = show.time(row.seen_at),
    }
  end)
  return 200, body
end

--- POST /v1/rules/dry-run
function handler.dry_run(req)
  local input, err = request.body(req, schema.dry_run)
  if not input then
    return nil, err
  end
  local result
  result, err = service.dry_run(input)
  if not result then
    return nil, err
  end
  return 200, {
    bundle = result.bundle, hook = input.hook, output = result.output, error = result.error,
    log = tg.json.array(result.log or {}), usecs = result.usecs, memory = result.memory,
  }
end

local function show_backtest(row)
  return {
    id = row.id, bundle = row.bundle, from = show.time(row.from_time), to = show.time(row.to_time),
    company = row.company, state = row.state, events = row.events, events_done = row.events_done,
    error = or_null(row.error), set_by = row.set_by, created_at = show.time(row.created_at),
    updated_at = show.time(row.updated_at),
  }
end

local BEGUN <const> = { status = 202, show = show_backtest, place = "/v1/rules/backtests/" }

--- POST /v1/rules/backtests
function handler.create_backtest(req)
  local input, err = request.body(req, schema.backtest)
  if not input then
    return nil, err
  end
  return operations.make(req, "POST /v1/rules/backtests", BEGUN, function(record)
    return service.create_backtest(input, req.principal, record)
  end)
end

--- GET /v1/rules/backtests
function handler.backtests(req)
  local query, limit = request.list(req, schema.list, { "bt" })
  if not query then
    return nil, limit
  end
  local rows, err = service.backtests(query)
  if not rows then
    return nil, err
  end
  return 200, page.answer(rows, limit, show_backtest, function(row)
    return { row.id }
  end)
end

--- GET /v1/rules/backtests/{id}
function handler.backtest(req)
  local id, err = v.path_id(req.params.id, "bt", "backtest")
  local row
  if id then
    row, err = service.backtest(id)
  end
  if not row then
    return nil, err
  end
  local body = show_backtest(row)
  body.report = report.of_backtest(row.report)
  return 200, body
end

-- Who is not the platform learns no more than that there is nothing.
local function for_platform(work)
  return function(req)
    local company, err = identity.company(req.principal.company)
    if not company then
      return nil, err
    elseif company.parent then
      return nil, errors.not_found("resource")
    end
    return work(req)
  end
end

for name, work in pairs(handler) do
  handler[name] = for_platform(work)
end

return handler
