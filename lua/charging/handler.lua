--- Requests about usage.
local export = require("core.export")
local page = require("core.page")
local request = require("core.request")
local schema = require("charging.schema")
local service = require("charging.service")
local show = require("core.show")
local show_corrections = require("corrections.show")
local v = require("core.validate")

local handler = {}

local or_null <const> = show.or_null

-- What the producer sent. A number that is too long for our decimals (1e-20) is no reason to lose the row: the text
-- is shown instead.
local function properties_of(row)
  return tg.json.decode(row.properties) or row.properties
end

local function show_usage(row)
  return {
    id = row.id, company = row.company, source = row.source, event_id = row.event_id, meter = row.meter,
    event_time = show.time(row.event_time), received_at = show.time(row.received_at), quantity = tostring(row.quantity),
    call_id = or_null(row.call_id), provider_cost = show.money(row.cost_amount, row.cost_currency),
    properties = properties_of(row), status = row.status, reason = or_null(row.rating and row.rating.reason),
    billed_seconds = or_null(row.billed_s), amount = show.money(row.amount, row.currency),
    corrected = show.money(row.corrected, row.corrected_currency),
    rate_deck = or_null(row.deck), rate_deck_version = or_null(row.deck_version), entry = or_null(row.entry),
  }
end

local function usage_key(row)
  return { row.company, row.event_time, row.id }
end

local function show_group(group)
  return {
    company = group.company, name = group.name, external_ref = group.external_ref, meter = group.meter,
    day = group.day, events = group.events, counts = group.counts, billed_seconds = group.billed_s,
    amount = show.money(group.amount, group.currency),
  }
end

--- POST /v1/usage
function handler.ingest(req)
  local bytes, err = request.bytes(req, "an event, an array of events, or one event a line")
  if not bytes then
    return nil, err
  end
  local answer, replayed = service.ingest(bytes, req:header("idempotency-key"))
  if not answer then
    return nil, replayed
  end
  tg.json.array(answer.rejected)
  return 200, answer, replayed and { ["idempotency-replayed"] = "true" } or nil
end

--- GET /v1/usage
function handler.usage(req)
  local query, limit = request.list(req, schema.usage_list, { "co", "time", "usg" })
  if not query then
    return nil, limit
  end
  local rows, err, stopped_at = service.usage_list(query)
  if not rows then
    return nil, err
  end
  return 200, page.answer(rows, limit, show_usage, usage_key, stopped_at)
end

local EXPORT <const> = {
  name = "usage", rows = service.usage_list, show = show_usage, key = usage_key,
  columns = {
    "id", "company", "source", "event_id", "meter", "event_time", "received_at", "quantity", "call_id", "status",
    "reason", "billed_seconds", "amount.amount", "amount.currency", "provider_cost.amount", "provider_cost.currency",
    "rate_deck", "rate_deck_version", "entry", "properties",
  },
}

--- GET /v1/usage/export
function handler.usage_export(req)
  return export.answer(req, schema.usage_export, { "co", "time", "usg" }, EXPORT)
end

--- GET /v1/usage/summary
function handler.usage_summary(req)
  local query, err = v.query(schema.usage_summary, req.query)
  if not query then
    return nil, err
  end
  local summary
  summary, err = service.usage_summary(query)
  if not summary then
    return nil, err
  end
  return 200, {
    from = show.time(summary.from), to = show.time(summary.to), group_by = summary.group_by,
    data = show.each(summary.groups, show_group), totals = show.each(summary.totals, show_group),
  }
end

local function show_replay(replayed, currency)
  return {
    status = or_null(replayed.status), total = show.money(replayed.total, currency), same = or_null(replayed.same),
    reason = or_null(replayed.reason),
  }
end

-- What the price depended on besides the event; null: on nothing.
local function show_state(state)
  if not state then
    return tg.json.null
  end
  local free, period = tg.json.array({}), state.period
  for i, bundle in ipairs(state.bundles or {}) do
    free[i] = { allowance = bundle.id, seconds = bundle.remaining_s }
  end
  return {
    month = or_null(period and ("%04d-%02d"):format(period // 12, period % 12 + 1)),
    charged_seconds = or_null(state.counter_s), free_seconds = free, meters = or_null(state.meters),
  }
end

--- GET /v1/usage/{id}/explain
function handler.explain(req)
  local id, err = v.path_id(req.params.id, "usg", "usage event")
  if not id then
    return nil, err
  end
  local found
  found, err = service.explain(id)
  if not found then
    return nil, err
  end
  local row = found.row
  return 200, {
    event = show_usage(row), rule = "pricing.rate_usage", bundle = tg.crypto.hex(row.rule_bundle),
    rate_deck = or_null(row.deck), rate_deck_version = or_null(row.deck_version),
    rates = show.each(found.rates, show.rate), lines = show.lines(row.rating and row.rating.lines),
    arithmetic = found.arithmetic, agrees = found.agrees, total = show.money(row.amount, row.currency),
    used_before = show_state(row.rating and row.rating.state),
    replayed = show_replay(found.replayed, row.currency), corrections = show_corrections.all(found.corrections),
  }
end

return handler
