--- Calls while they happen: the ledger engine decides and charges, in one transaction for all that arrive together.
-- Here is what goes to it and what can be seen of it. Its answers are bytes, kept with the call: a repeat gets them
-- again.
local audit = require("audit.service")
local errors = require("core.errors")
local store = require("calls.store")
local walk = require("core.walk")

local service = {}

local STOPPED <const> = "stopped"

-- What the engine has to say against a field is a fault of the input.
local function answered(answer, is_replay)
  if answer == nil and is_replay.pointer then
    return nil, errors.input(is_replay.pointer, is_replay.detail)
  end
  return answer, is_replay
end

local function encoded(properties)
  return properties and tg.json.encode(properties)
end

--- May the call begin, and for how long? The money for it is held.
---@param input table of schema.authorize
---@return string? answer JSON, boolean|table is_replay_or_err
function service.authorize(input)
  return answered(tg.calls.authorize({
    company = input.company, call_id = input.call_id, from = input.from, to = input.to, direction = input.direction,
    agent_id = input.agent_id, meters = input.meters, properties = encoded(input.properties),
    request_seconds = input.request_seconds,
  }))
end

--- May it go on? What it used so far is charged.
---@param input table of schema.renew
---@return string? answer JSON, boolean|table is_replay_or_err
function service.renew(call_id, input)
  input.call_id = call_id
  return answered(tg.calls.renew(input))
end

--- It is over: all that it used is charged, what was held is given back.
---@param input table of schema.settle
---@return string? answer JSON, boolean|table is_replay_or_err
function service.settle(call_id, input)
  return answered(tg.calls.settle({
    company = input.company, call_id = call_id, answered_at = input.answered_at, duration_ms = input.duration_ms,
    status = input.status, usage = input.usage, properties = encoded(input.properties),
  }))
end

--- A call, own or below. A name that looks like an id of ours is a name first: whoever names a call after another one
-- has nothing done to that.
---@param name string the name that its gateway gave it; or our id
---@param company string where the name is looked for
---@return table? row, table? err
function service.call(name, company)
  local row, err = store.call(company, name)
  if not row and not err and tg.id.is(name, "call") then
    row, err = store.call_by_id(name)
  end
  if err then
    return nil, err
  elseif not row then
    return nil, errors.not_found("call")
  end
  return row
end

-- The meters that a call may have usage of: those of its beginning, and those that its end has told.
local function meters_of(row)
  local meters, seen = {}, {}
  local function add(meter)
    if type(meter) == "string" and not seen[meter] then
      seen[meter] = true
      meters[#meters + 1] = meter
    end
  end
  for _, meter in ipairs(row.request.meters or { "call.seconds" }) do
    add(meter)
  end
  local settled <const> = row.settle_answer and tg.json.decode(row.settle_answer) or {}
  for _, list in ipairs({ settled.lines or {}, settled.not_rated or {} }) do
    for _, element in ipairs(list) do
      add(element.meter)
    end
  end
  return meters
end

--- A call with all that is known of it.
---@return {row: table, usage: table[], debits: table[], plan: table}? found, table? err
function service.found(name, company)
  local row, err = service.call(name, company)
  local usage, debits, plan
  if row then
    usage, err = store.usage(row.company, row.id, row.state == "open" and {} or meters_of(row))
  end
  if usage then
    debits, err = store.debits(row.id)
  end
  if debits then
    plan, err = store.plan(row.company, row.plan_id)
  end
  if err then
    return nil, err
  end
  return { row = row, usage = usage, debits = debits, plan = plan }
end

--- A list of calls: company by company, newest first in each.
---@param filter table of schema.list, limit one more than the page shows
---@return table[]? rows, table? err, table? stopped_at where to go on although the page is not full
function service.list(filter)
  if filter.from and filter.to and filter.from >= filter.to then
    return nil, errors.input("?to", "must be after from")
  elseif filter.state == "open" then
    return store.open_calls(filter, filter.after, filter.limit)
  elseif filter.company then
    return store.calls_of_company(filter, filter.company, filter.after and filter.after[2], filter.limit)
  end
  local rows, err, company = walk.rows(filter.after, filter.limit, function(after)
    return store.next_company_with_calls(filter, after)
  end, function(of, before, limit)
    return store.calls_of_company(filter, of, before and before[1], limit)
  end)
  return rows, err, company and { company, tg.id.format(("\0"):rep(16), "call") }
end

--- Ends a call: its next renewal is told to stop. The first reason stays.
---@param reason string?
---@return table? row, table? err
function service.stop(name, company, reason)
  local row, err = service.call(name, company)
  if not row then
    return nil, err
  elseif row.state ~= "open" then
    return nil, errors.conflict("call_closed", "The call is over.")
  end
  local changed
  changed, err = tg.db.transaction(function(tx)
    local n, failed = store.stop(tx, row, reason or STOPPED)
    if n == 1 then
      n, failed = audit.record(tx, {
        action = "calls.stop", object = row.id, after = { call_id = row.call_id, stop_reason = reason or STOPPED },
      })
    end
    return n, failed
  end)
  if not changed then
    return nil, err
  elseif changed == 0 then
    audit.unchanged()
  end
  return store.call_by_id(row.id)
end

return service
