--- Asks the rules that priced an event once more: the bundle, the deck, the parameters and the state of then, with what
-- is stored of the event. The same figure must come out.
local replay = {}

local HOOK <const> = "pricing.rate_usage"

-- As rules get JSON: null is nothing at all.
local function without_nulls(value)
  if value == tg.json.null then
    return nil
  elseif type(value) ~= "table" then
    return value
  end
  local kept = {}
  for name, member in pairs(value) do
    kept[name] = without_nulls(member)
  end
  return kept
end

local function milliseconds(row, properties)
  if properties.duration_ms then
    return tg.decimal.tointeger(tg.decimal.new(properties.duration_ms))
  elseif row.meter == "call.seconds" then
    return tg.decimal.tointeger(tg.decimal.mul(row.quantity, 1000, 12, "down"))
  end
end

-- What a rule may see of the properties: texts, whole numbers, booleans.
local function plain(properties)
  local kept = {}
  for name, value in pairs(properties) do
    local kind = math.type(value) or type(value)
    if kind == "string" or kind == "integer" or kind == "boolean" then
      kept[name] = value
    end
  end
  return kept
end

--- The rule's input, as the ledger engine makes it (src/charge/rate.c).
---@param row table of store.usage
---@param priced_by {currency: string, timezone: string, country: string?, pricing: table?}
---@return table? input nil: no rule priced it
function replay.input(row, priced_by)
  local properties = without_nulls(tg.json.decode(row.properties) or {})
  local plan = without_nulls(priced_by.pricing or {})
  local priced = (plan.prices and plan.prices[row.meter] or plan.pack) ~= nil
  if not priced and row.meter ~= "call.seconds" then
    return nil
  end
  plan.currency, plan.timezone, plan.country = priced_by.currency, priced_by.timezone, priced_by.country
  local event = {
    event_id = row.event_id, meter = row.meter, event_time = row.event_time, quantity = row.quantity,
    to = properties.to or "", from = properties.from, direction = properties.direction,
    status = properties.status or "answered",
    answered_at = properties.answered_at and tg.time.parse(properties.answered_at) or row.event_time,
    duration_ms = milliseconds(row, properties) or 0,
  }
  if priced then
    event.properties = plain(properties)
    event.cost = row.cost_currency == priced_by.currency and row.cost_amount or nil
  end
  return { event = event, plan = plan, state = without_nulls(row.rating and row.rating.state) }
end

-- A rule that fails now as it failed then is the same.
local function compare(row, result, err)
  if not result then
    return { status = "failed", same = row.status == "failed", reason = err.detail }
  end
  local total = result.status == "rated" and result.total or nil
  return {
    status = result.status, total = total, reason = result.error,
    same = result.status == row.status and (total or tg.decimal.new(0)) == (row.amount or tg.decimal.new(0)),
  }
end

--- @return {status: string?, total: any?, same: boolean?, reason: string?} replayed  without a status: why it was not
function replay.run(row, priced_by)
  local input = replay.input(row, priced_by)
  if not input then
    return { reason = "no rule prices this meter" }
  end
  local bundle = tg.crypto.hex(row.rule_bundle)
  local ready, err = tg.rules.load(bundle)
  local deck
  if ready and row.deck then
    deck, err = tg.decks.get(row.deck, row.deck_version)
    ready = deck ~= nil
  end
  if not ready then
    return { reason = err.detail }
  end
  local result
  result, err = tg.rules.call(HOOK, input, { deck = deck, bundle = bundle })
  if not result and err.code ~= "bug" then
    return { reason = err.detail }
  end
  return compare(row, result, err)
end

return replay
