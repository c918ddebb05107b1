--- Who did what: a row for every write, in the transaction of its effect, and one for every refused attempt.
-- The actions are operationIds of the API document. A route that writes and has recorded nothing is a bug, and said to
-- be one by `watched`; what changes nothing says so with `unchanged`.
local chains = require("chains.service")
local clean = require("audit.clean")
local errors = require("core.errors")
local same = require("core.same")
local store = require("audit.store")

local service = {}

tg.metrics.counter("tollgate_audit_refused", "Refused attempts by whether they could be recorded.", { "recorded" })

-- Of two states only what differs: nobody reads the rest.
local function difference(before, after)
  local old, new = {}, {}
  for name, value in pairs(before) do
    if not same(value, after[name]) then
      old[name] = value
    end
  end
  for name, value in pairs(after) do
    if not same(value, before[name]) then
      new[name] = value
    end
  end
  return old, new
end

--- Records a write, as a part of it.
---@param tx table? the transaction of the effect; nil: the row stands alone
---@param entry {action: string, object: string?, before: table?, after: table?, company: string?, actor: string?}
---  company only where nobody is signed in yet; the actor is whoever asks, or tg.locals().actor, for whom they do it
---@return integer? written, table? err
function service.record(tx, entry)
  local context, locals = tg.context(), tg.locals()
  local before, after = entry.before, entry.after
  if before and after then
    before, after = difference(before, after)
  end
  locals.recorded = true
  return store.record(tx, {
    company = context.company or entry.company, id = tg.id.new("aud"), now = tg.time.now(),
    actor = entry.actor or locals.actor or context.actor or "", session = locals.session,
    address = locals.address or "",
    request = context.request_id or "", action = entry.action, object = entry.object or "",
    before = before and clean.copy(before), after = after and clean.copy(after),
  })
end

--- What was asked for is so already: there is nothing to record.
function service.unchanged()
  tg.locals().recorded = true
end

--- For the end of a transaction that wrote a row (operations.finish): records it, then does what was to be last.
---@param entry table as for service.record; its object is the row, if it names none
---@param last fun(tx: table, row: table): any, table?
---@return fun(tx: table, row: table): any, table?
function service.recorder(entry, last)
  return function(tx, row)
    entry.object = entry.object or row.id
    local done, err = service.record(tx, entry)
    if not done then
      return nil, err
    end
    return last(tx, row)
  end
end

local function watch(route, session_of)
  local handler, name = route.handler, route.method .. " " .. route.path
  return function(req)
    local locals = tg.locals()
    locals.address, locals.session = req.remote, session_of(req)
    local status, body, headers = handler(req)
    if status and status < 300 and not locals.recorded and not (headers and headers["idempotency-replayed"]) then
      tg.log.error("audit_forgotten", { route = name })
    end
    return status, body, headers
  end
end

local operation_of = {} -- by route: filled once, while the application loads

--- Sees to it that whatever a route writes is recorded, unless the route says why not: `audit = "the reason"`.
---@param routes table[]
---@param session_of fun(req: table): string? the session that a request comes with
---@return table[] routes
function service.watched(routes, session_of)
  for _, route in ipairs(routes) do
    operation_of[route.method .. " " .. route.path] = route.api.id
    if route.method ~= "GET" and not route.audit then
      route.handler = watch(route, session_of)
    end
  end
  return routes
end

--- Records an attempt that was refused; called after the answer (src/web/refused.h).
---@param attempt {method: string, path: string, status: integer, address: string, more: integer}
---@param err table? what the handler said; its `object` is what the attempt was on
function service.refused(attempt, err)
  local context, object = tg.context(), err and err.object or ""
  local recorded, failed = store.record_refused({
    company = context.company, id = tg.id.new("aud"), now = tg.time.now(), actor = context.actor or "",
    address = attempt.address, request = context.request_id,
    action = operation_of[attempt.method .. " " .. attempt.path] or attempt.path,
    object = object, user = tg.id.is(object, "usr") and object or nil,
    after = {
      status = attempt.status, type = err and err.type, not_recorded_before = attempt.more > 0 and attempt.more or nil,
    },
  })
  tg.metrics.inc("tollgate_audit_refused", { recorded and "yes" or "no" })
  if not recorded then
    tg.log.warn("audit_refused_lost", { action = attempt.path, error = failed.detail })
  end
end

local function id_at(us)
  return us and chains.id_at(us, "aud")
end

--- The log, the newest first.
---@param query table actor, action, object, outcome, company, from, to, after, limit
function service.rows(query)
  return store.rows({
    actor = query.actor, action = query.action, object = query.object, outcome = query.outcome,
    company = query.company, from = id_at(query.from), to = id_at(query.to), after = query.after and query.after[1],
    limit = query.limit,
  })
end

function service.row(id)
  local row, err = store.row(id)
  if err then
    return nil, err
  elseif not row then
    return nil, errors.not_found("entry")
  end
  return row
end

return service
