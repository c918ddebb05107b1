--- Requests about live calls.
local corrections = require("corrections.service")
local errors = require("core.errors")
local page = require("core.page")
local request = require("core.request")
local schema = require("calls.schema")
local service = require("calls.service")
local show = require("core.show")
local show_corrections = require("corrections.show")
local v = require("core.validate")

local handler = {}

local or_null <const> = show.or_null

-- The engine's bytes go out as they came.
local FRESH <const> = { ["content-type"] = "application/json" }
local REPLAYED <const> = { ["content-type"] = "application/json", ["idempotency-replayed"] = "true" }

local function reply(answer, is_replay)
  if not answer then
    return nil, is_replay
  end
  return 200, answer, is_replay and REPLAYED or FRESH
end

-- The body of a request about the call of the path.
local function read(req, shape)
  if not schema.is_call_id(req.params.call_id) then
    return nil, errors.not_found("call")
  end
  return request.body(req, shape)
end

--- POST /v1/calls/authorize
function handler.authorize(req)
  local input, err = request.body(req, schema.authorize)
  if not input then
    return nil, err
  end
  return reply(service.authorize(input))
end

--- POST /v1/calls/{call_id}/renew
function handler.renew(req)
  local input, err = read(req, schema.renew)
  if not input then
    return nil, err
  end
  return reply(service.renew(req.params.call_id, input))
end

--- POST /v1/calls/{call_id}/settle
function handler.settle(req)
  local input, err = read(req, schema.settle)
  if not input then
    return nil, err
  end
  return reply(service.settle(req.params.call_id, input))
end

local function show_call(row)
  local asked <const>, currency <const> = row.request, row.currency
  return {
    id = row.id, company = row.company, call_id = row.call_id, state = row.state, from = or_null(asked.from),
    to = asked.to, direction = or_null(asked.direction), agent_id = or_null(asked.agent_id),
    meters = tg.json.array(asked.meters or { schema.SECONDS }), properties = asked.properties or {},
    opened_at = show.time(row.opened_at), answered_at = show.time(row.answered_at),
    closed_at = show.time(row.closed_at), expires_at = show.time(row.expires_at), seq = row.seq,
    used_seconds = row.used_s, granted_seconds = row.granted_s, held = show.money(row.held, currency),
    debited = show.money(row.debited, currency), charge = show.money(row.charge, currency),
    corrected = show.money(row.corrections and row.charge + row.corrections, currency),
    overrun = show.money(row.overrun, currency), status = or_null(row.status), duration_ms = or_null(row.duration_ms),
    stop_reason = or_null(row.stop_reason), rule_bundle = tg.crypto.hex(row.rule_bundle),
    rate_deck = or_null(row.deck), rate_deck_version = or_null(row.deck_version), entry = or_null(row.entry),
  }
end

local function lines_of(usage)
  local lines = tg.json.array({})
  for _, row in ipairs(usage) do
    local of_meter <const> = show.lines(row.rating.lines, row.meter)
    table.move(of_meter, 1, #of_meter, #lines + 1, lines)
  end
  return lines
end

local function show_usage(row)
  return {
    id = row.id, meter = row.meter, quantity = tostring(row.quantity), status = row.status,
    reason = or_null(row.rating.reason), billed_seconds = or_null(row.billed_s),
    amount = show.money(row.amount, row.currency), provider_cost = show.money(row.cost_amount, row.cost_currency),
  }
end

local function show_found(found, corrected)
  local row <const>, plan <const> = found.row, found.plan
  local body = show_call(row)
  body.usage, body.lines = show.each(found.usage, show_usage), lines_of(found.usage)
  body.debits = show.each(found.debits, function(debit)
    return {
      seq = debit.seq, amount = show.money(debit.amount, row.currency), entry = debit.entry,
      created_at = show.time(debit.created_at),
    }
  end)
  body.corrections = show_corrections.all(corrected)
  body.late = row.late_report and {
    report = row.late_report, difference = show.money(row.late_difference, row.currency),
  } or tg.json.null
  body.plan = plan and {
    currency = plan.currency, timezone = plan.timezone, country = or_null(plan.country),
    pricing = or_null(plan.pricing),
  } or tg.json.null
  return body
end

--- GET /v1/calls
function handler.calls(req)
  local query, limit = request.list(req, schema.list, { "co", "call" })
  if not query then
    return nil, limit
  end
  local rows, err, stopped_at = service.list(query)
  if not rows then
    return nil, err
  end
  return 200, page.answer(rows, limit, show_call, function(row)
    return { row.company, row.id }
  end, stopped_at)
end

--- GET /v1/calls/{call_id}
function handler.call(req)
  local query, err = v.query(schema.place, req.query)
  local found
  if query then
    found, err = service.found(req.params.call_id, query.company or req.principal.company)
  end
  local corrected
  if found then
    corrected, err = corrections.of_call(found.row.company, found.row.id)
  end
  if not corrected then
    return nil, err
  end
  return 200, show_found(found, corrected)
end

--- POST /v1/calls/{call_id}/stop
function handler.stop(req)
  local input, err = read(req, schema.stop)
  local row
  if input then
    row, err = service.stop(req.params.call_id, input.company or req.principal.company, input.reason)
  end
  if not row then
    return nil, err
  end
  return 200, show_call(row)
end

return handler
