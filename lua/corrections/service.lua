--- Corrections: usage that was priced stays as it is, and so does what came after it; the lines that stood are taken
-- back exactly, and new ones are rated with the rules, the deck, the parameters and the counters of then (rating.md
-- R21). All of it under the lock of the wallet, so nothing is rated or corrected meanwhile.
local audit = require("audit.service")
local calls = require("calls.service")
local counters = require("corrections.counters")
local errors = require("core.errors")
local identity = require("identity.service")
local ledger = require("ledger.service")
local store = require("corrections.store")
local versions = require("corrections.versions")

local service = {}

local SECONDS <const> = "call.seconds"
local ZERO <const> = tg.decimal.new(0)

local function negative(lines)
  local list = tg.json.array({})
  for i, line in ipairs(lines or {}) do
    local copy = {}
    for name, value in pairs(line) do
      copy[name] = value
    end
    copy.amount = tostring(-tg.decimal.new(tostring(line.amount)))
    list[i] = copy
  end
  return list
end

local function post(tx, place, net)
  if net == ZERO then
    return {}
  end
  local posted, err = ledger.post(tx, {
    {
      company = place.company, currency = place.currency, kind = "usage.corrected", description = place.object,
      legs = { { account = "wallet", amount = -net }, { account = "revenue", amount = net } },
    },
  })
  return posted and posted[1], err
end

local function insert(tx, place, row, version, new, id, entry, now)
  return store.insert(tx, {
    company = row.company, usage = row.id, seq = version.seq + 1, id = id, call = place.call,
    event_time = row.event_time, meter = row.meter, quantity = new.quantity,
    properties = tg.json.encode(new.properties), void = new.void or false, status = new.status,
    billed_before = version.billed_s, billed_s = new.billed_s, amount_before = version.amount_now, amount = new.amount,
    currency = place.currency, reversal = negative(version.rating.lines), rating = new.rating,
    consumed = new.consumed, entry = entry, reason = place.reason, actor = place.actor, now = now,
  })
end

-- The new versions of the rows, rated.
local function rate_all(tx, rows, changes)
  local both, any = {}, false
  for i, row in ipairs(rows) do
    local version, err = versions.standing(tx, row)
    local new
    if version then
      new, err = versions.next(tx, row, version, changes)
    end
    if err then
      return nil, err
    end
    both[i], any = { version = version, new = new }, any or new
    -- of two rows of one call the second is rated at its own position: what the first moves is written at once
    local moved = true
    if new then
      moved, err = counters.move(tx, row, new)
    end
    if not moved then
      return nil, err
    end
  end
  if not any then
    return nil, errors.conflict("nothing_to_correct", "It is so already.")
  end
  return both
end

local function net_of(both)
  local net = ZERO
  for _, pair in ipairs(both) do
    net = pair.new and net + pair.new.amount - pair.version.amount_now or net
  end
  return net
end

-- In one transaction.
local function correct(tx, rows, changes, place, record)
  local _, err = store.lock_wallet(tx, place.company, place.currency)
  local both
  if not err then
    both, err = rate_all(tx, rows, changes)
  end
  if not both then
    return nil, err
  end
  local id, now, net = tg.id.new("cor"), tg.time.now(), net_of(both)
  local posted
  posted, err = post(tx, place, net)
  for i, pair in ipairs(posted and both or {}) do
    local done = true
    if pair.new then
      done, err = insert(tx, place, rows[i], pair.version, pair.new, id, posted.id, now)
    end
    if not done then
      return nil, err
    end
  end
  local written
  if posted then
    written, err = store.correction(tx, place.company, id)
  end
  if not written then
    return nil, err
  end
  return audit.recorder({
    action = place.action, object = place.object, after = { changes = place.input, net = tostring(net) },
  }, record)(tx, written)
end

-- Who pays does not say what it costs.
local function check_seller(id)
  local company, err = identity.company(id)
  if not company then
    return nil, err
  elseif company.depth == 0 and company.parent then
    return nil, errors.denied("What a company was charged is corrected by the company above it.")
  end
  return true
end

-- Reads what must be there before the transaction, and corrects.
local function run(company, ids, changes, place, record)
  local allowed, denied = check_seller(company)
  if not allowed then
    return nil, denied
  end
  local rows = {}
  for i, id in ipairs(ids) do
    local row, err = versions.usage(id)
    if not row then
      return nil, err
    end
    rows[i] = row
  end
  local first <const> = rows[1]
  local ready, err = tg.rules.load(first.bundle)
  if not ready then
    return nil, err
  end
  place.company, place.currency = first.company, first.currency or first.plan.currency
  local done
  done, err = tg.db.transaction(function(tx)
    return correct(tx, rows, changes, place, record)
  end)
  if errors.is_duplicate(err) then
    return nil, errors.conflict("corrected_meanwhile", "Somebody else has corrected it just now: look again.")
  end
  return done, err
end

--- Corrects a call that is over, all its meters in one entry.
---@param name string the gateway's name of it, or our id
---@param input table of schema.of_call
---@param principal {company: string, actor: string}
---@param record fun(tx: table, rows: table[]): any, table? last thing in the transaction
---@return any done, table? err
function service.correct_call(name, input, principal, record)
  local found, err = calls.found(name, input.company or principal.company)
  if not found then
    return nil, err
  elseif found.row.state == "open" then
    return nil, errors.conflict("call_open", "The call is under way: settle it.")
  end
  local quantities, ids, metered = {}, {}, {}
  for i, row in ipairs(found.usage) do
    ids[i], metered[row.meter] = row.id, true
  end
  for i, element in ipairs(input.usage or {}) do
    if not metered[element.meter] then
      return nil, errors.input(("/usage/%d/meter"):format(i - 1), "is no meter that the call has usage of")
    end
    quantities[element.meter] = element.quantity
  end
  if not ids[1] then
    return nil, errors.conflict("nothing_to_correct", "The call has no usage.")
  end
  return run(found.row.company, ids, {
    duration_ms = input.duration_ms, status = input.status, quantities = quantities, void = input.void,
  }, {
    action = "corrections.correct_call", object = found.row.id, call = found.row.id, reason = input.reason,
    actor = principal.actor, input = input,
  }, record)
end

--- Corrects an event of usage.
---@param input table of schema.of_usage
---@return any done, table? err
function service.correct_usage(id, input, principal, record)
  local row, err = store.usage(id)
  if not row then
    return nil, err or errors.not_found("usage event")
  elseif row.meter == SECONDS and input.quantity then
    return nil, errors.input("/quantity", "of calls is told by duration_ms")
  elseif row.meter ~= SECONDS and input.duration_ms then
    return nil, errors.input("/duration_ms", "is of calls; here it is the quantity")
  end
  local call = row.source == "tollgate" and row.event_id:match("^(call_%w+)/") or nil
  return run(row.company, { id }, {
    duration_ms = input.duration_ms, status = input.status, quantities = { [row.meter] = input.quantity },
    void = input.void,
  }, {
    action = "corrections.correct_usage", object = id, call = tg.id.is(call, "call") and call or nil,
    reason = input.reason, actor = principal.actor, input = input,
  }, record)
end

--- Rows of the corrections of a call, the oldest first.
function service.of_call(company, call)
  return store.of_call(company, call)
end

--- Rows of the corrections of an event of usage, the oldest first.
function service.of_usage(company, usage)
  return store.of_usage(company, usage)
end

--- What corrections change of the totals of usage (charging.service).
function service.totals(group_by, filter)
  return store.totals(group_by, filter)
end

return service
