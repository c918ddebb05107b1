--- Versions of a usage: what it was priced at, and what it would have been at, had it been otherwise.
local consumed = require("corrections.consumed")
local errors = require("core.errors")
local identity = require("identity.service")
local replay = require("charging.replay")
local store = require("corrections.store")

local versions = {}

local HOOK <const> = "pricing.rate_usage"
local SECONDS <const> = "call.seconds"
local ZERO <const> = tg.decimal.new(0)

local function not_rated(meter, why)
  return errors.refused("not_rated", ("The %s cannot be rated like that: %s."):format(meter, why))
end

--- An event with the parameters and the deck that priced it.
function versions.usage(id)
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

--- What holds now: the usage, or the last correction of it.
function versions.standing(tx, row)
  local last, err = store.last(tx, row.company, row.id)
  if err then
    return nil, err
  elseif last then
    last.amount_now = last.amount
    return last
  end
  return {
    seq = 0, quantity = row.quantity, properties = row.sent, rating = row.rating, status = row.status,
    billed_s = row.billed_s or 0, amount_now = row.amount or ZERO, is_first = true,
  }
end

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
  if not input then
    return nil
  end
  local result, err = ask(row, input)
  if not result then
    return nil, err.code == "bug" and not_rated(row.meter, "the rule fails") or err
  end
  return consumed.of(before, result)
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
  local old, err = taken_by(row, version)
  local left
  if not err then
    left, err = free_now(tx, row)
  end
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
  local old, err = taken_by(row, version)
  if err then
    return nil, err
  end
  return {
    quantity = version.quantity, properties = version.properties, void = true, status = "not_billable", amount = ZERO,
    billed_s = 0, rating = { lines = tg.json.array({}) }, old = old,
  }
end

--- The next version of a row, rated; false: it stays as it is.
---@return table|false|nil new, table? err
function versions.next(tx, row, version, changes)
  if changes.void then
    if version.void or (version.status ~= "rated" and version.amount_now == ZERO) then
      return false
    end
    return void_of(row, version)
  end
  local new <const> = changed(row, version, changes)
  if not new then
    return false
  elseif not changes.quantities[row.meter] and not input_of(row, new) then
    return false -- a meter without a price has none for another duration either
  end
  return rate(tx, row, version, new)
end

return versions
