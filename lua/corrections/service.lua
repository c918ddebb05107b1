--- Corrections: usage that was priced stays as it is, and so does what came after it; the lines that stood are taken
-- back exactly, and new ones are rated with the rules, the deck, the parameters and the counters of then (rating.md
-- R21). All of it under the lock of the wallet, so nothing is rated or corrected meanwhile.
local audit = require("audit.service")
local calls = require("calls.service")
local consumed = require("corrections.consumed")
local errors = require("core.errors")
local identity = require("identity.service")
local ledger = require("ledger.service")
local replay = require("charging.replay")
local store = require("corrections.store")

local service = {}

local HOOK <const> = "pricing.rate_usage"
local SECONDS <const> = "call.seconds"
local ZERO <const> = tg.decimal.new(0)
local ALL_PERIODS <const> = "1000-01-01" -- where memories are that outlive their period

local function not_rated(meter, why)
  return errors.refused("not_rated", ("The %s cannot be rated like that: %s."):format(meter, why))
end

-- --- what was -------------------------------------------------------------------------------------------------------

-- An event with the parameters and the deck that priced it.
local function read_usage(id)
  local row, err = store.usage(id)
  if not row then
    return nil, err or errors.not_found("usage event")
  end
  if row.plan_id then
    row.plan, err = store.plan(row.company, row.plan_id)
  end
  if not row.plan and not err then
    row.plan, err = identity.company(row.company)
  end
  if row.plan and row.deck then
    row.priced_from, err = tg.decks.get(row.deck, row.deck_version)
  end
  if err then
    return nil, err
  end
  row.sent = tg.json.decode(row.properties)
  if not row.sent then
    return nil, not_rated(row.meter, "its properties cannot be read")
  end
  row.bundle = tg.crypto.hex(row.rule_bundle)
  return row
end

-- What holds now: the usage, or the last correction of it.
local function read_version(tx, row)
  local last, err = store.last(tx, row.company, row.id)
  if err then
    return nil, err
  elseif last then
    last.amount_now = last.amount
    return last
  end
  return {
    seq = 0, quantity = row.quantity, properties = row.sent, rating = row.rating,
    billed_s = row.billed_s or 0, amount_now = row.amount or ZERO, is_first = true,
  }
end

-- --- what is to be --------------------------------------------------------------------------------------------------

-- Quantity and properties with the changes in them; nil: nothing of it changes.
local function changed(row, version, changes)
  local quantity, properties, differs = version.quantity, {}, version.void or false
  for name, value in pairs(version.properties) do
    properties[name] = value
  end
  local function set(name, value)
    if value ~= nil and properties[name] ~= value then
      properties[name], differs = value, true
    end
  end
  set("status", changes.status)
  local wanted = changes.quantities[row.meter]
  if row.meter == SECONDS and changes.duration_ms then
    wanted = tg.decimal.muldiv(tg.decimal.new(changes.duration_ms), 1, 1000, 3, "down")
    set("duration_ms", changes.duration_ms)
  elseif properties.duration_ms then
    set("duration_ms", changes.duration_ms)
  end
  if wanted and tg.decimal.new(wanted) ~= quantity then
    quantity, differs = tg.decimal.new(wanted), true
  end
  return differs and { quantity = quantity, properties = properties } or nil
end

local function input_of(row, version, state)
  local input = replay.input(setmetatable({
    quantity = version.quantity, properties = tg.json.encode(version.properties),
  }, { __index = row }), row.plan)
  if input then
    input.state = state
  end
  return input
end

local function ask(row, input)
  return tg.rules.call(HOOK, input, { deck = row.priced_from, bundle = row.bundle })
end

-- What the version that stands has taken of counters and allowances: written with a correction, asked anew of the
-- usage itself, which the same rule answers as it did then.
local function taken_by(row, version)
  if not version.is_first then
    return version.consumed
  end
  local before <const> = row.rating.state
  local input <const> = before and input_of(row, version, before)
  local result = input and ask(row, input)
  return result and consumed.of(before, result)
end

-- The free seconds that its allowances have now.
local function free_now(tx, row)
  local left = {}
  for _, bundle in ipairs((row.rating.state or {}).bundles or {}) do
    local found, err = store.allowance(tx, row.company, bundle.id)
    if err then
      return nil, err
    end
    left[bundle.id] = found and found.remaining_s
  end
  return left
end

-- The new version of a row: rated at the position of the usage.
local function rate(tx, row, version, new)
  local old <const> = taken_by(row, version)
  local left, err = free_now(tx, row)
  if not left then
    return nil, err
  end
  local before <const> = consumed.position(row.rating.state, old, left)
  local input <const> = input_of(row, new, before)
  if not input then
    return nil, not_rated(row.meter, "nothing prices it")
  end
  local result
  result, err = ask(row, input)
  if not result then
    return nil, err.code == "bug" and not_rated(row.meter, "the rule fails") or err
  elseif result.status ~= "rated" and result.status ~= "not_billable" then
    return nil, not_rated(row.meter, result.error or result.status)
  end
  new.status, new.amount, new.billed_s = result.status, result.total or ZERO, result.billed_s or 0
  new.rating = { lines = tg.json.array(result.lines or {}), plan = row.rating.plan, state = row.rating.state }
  new.old, new.consumed = old, consumed.of(before, result)
  return new
end

local function void_of(row, version)
  return {
    quantity = version.quantity, properties = version.properties, void = true, status = "not_billable", amount = ZERO,
    billed_s = 0, rating = { lines = tg.json.array({}) }, old = taken_by(row, version),
  }
end

-- The next version of a row; false: it stays as it is.
local function next_version(tx, row, version, changes)
  if changes.void then
    local costs <const> = version.amount_now ~= ZERO or version.billed_s ~= 0
    return not version.void and costs and void_of(row, version)
  end
  local new <const> = changed(row, version, changes)
  if not new then
    return false
  elseif not changes.quantities[row.meter] and not input_of(row, new) then
    return false -- a meter without a price has none for another duration either
  end
  return rate(tx, row, version, new)
end

-- --- what it moves --------------------------------------------------------------------------------------------------

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

-- Prices whose memory outlives the period, by the name of the memory.
local function rolled_over(plan)
  local names = {}
  for meter, price in pairs(plan.pricing and plan.pricing.prices or {}) do
    if price.rollover then
      names[price.shares or meter] = true
    end
  end
  return names
end

-- The part of what was taken that a row of rating_states remembers.
local function part_of(taken, names, of_all)
  if not taken then
    return nil
  end
  local meters = {}
  for name, memory in pairs(taken.meters or {}) do
    if (names[name] or false) == of_all then
      meters[name] = memory
    end
  end
  return { counter_s = not of_all and taken.counter_s or nil, meters = next(meters) and meters or nil }
end

local function move_state(tx, row, period, old, new)
  if not (old and (old.counter_s or old.meters)) and not (new and (new.counter_s or new.meters)) then
    return true
  end
  local state, err = store.rating_state(tx, row.company, period)
  if not state then
    return err == nil or nil, err
  end
  return store.set_rating_state(tx, row.company, period, consumed.replace(state, old, new))
end

local function move_allowances(tx, row, old, new)
  local seconds = {}
  for id, n in pairs(old and old.bundles or {}) do
    seconds[id] = n
  end
  for id, n in pairs(new and new.bundles or {}) do
    seconds[id] = (seconds[id] or 0) - n
  end
  for id, n in pairs(seconds) do
    local found, err = store.allowance(tx, row.company, id)
    local done = err == nil or nil
    if found and n ~= 0 then
      done, err = store.set_allowance(tx, row.company, id, math.min(found.granted_s, found.remaining_s + n))
    end
    if not done then
      return nil, err
    end
  end
  return true
end

-- Counters, memories and allowances, as if the usage had been what it is now.
local function move(tx, row, new)
  local period <const> = row.rating.state and row.rating.state.period
  local names <const> = rolled_over(row.plan)
  local done, err = move_allowances(tx, row, new.old, new.consumed)
  if done and period then
    local month <const> = ("%04d-%02d-01"):format(period // 12, period % 12 + 1)
    done, err = move_state(tx, row, month, part_of(new.old, names, false), part_of(new.consumed, names, false))
  end
  if done and next(names) then
    done, err = move_state(tx, row, ALL_PERIODS, part_of(new.old, names, true), part_of(new.consumed, names, true))
  end
  return done, err
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

-- --- the whole ------------------------------------------------------------------------------------------------------

-- The new versions of the rows, rated.
local function rate_all(tx, rows, changes)
  local versions, any = {}, false
  for i, row in ipairs(rows) do
    local version, err = read_version(tx, row)
    local new
    if version then
      new, err = next_version(tx, row, version, changes)
    end
    if err then
      return nil, err
    end
    versions[i], any = { version = version, new = new }, any or new
    -- of two rows of one call the second is rated at its own position: what the first moves is written at once
    local moved = true
    if new then
      moved, err = move(tx, row, new)
    end
    if not moved then
      return nil, err
    end
  end
  if not any then
    return nil, errors.conflict("nothing_to_correct", "It is so already.")
  end
  return versions
end

local function net_of(versions)
  local net = ZERO
  for _, pair in ipairs(versions) do
    net = pair.new and net + pair.new.amount - pair.version.amount_now or net
  end
  return net
end

-- In one transaction.
local function correct(tx, rows, changes, place, record)
  local _, err = store.lock_wallet(tx, place.company, place.currency)
  local versions
  if not err then
    versions, err = rate_all(tx, rows, changes)
  end
  if not versions then
    return nil, err
  end
  local id, now, net = tg.id.new("cor"), tg.time.now(), net_of(versions)
  local posted
  posted, err = post(tx, place, net)
  for i, pair in ipairs(posted and versions or {}) do
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
    local row, err = read_usage(id)
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
