--- What a call costs by its deck: number, rows, blocks, bundles, tiers, bounds and balances (rating.md R3 to R14).
-- Pure: what it needs of capabilities and of the other files here is given to it, so that rules of other features can
-- ask it too: there `lib` is cap.lib.pricing, with balances, blocks, bundles, countries, e164, lines, order and tiers.
local calls = {}

--- The result that charges nothing and leaves the state as it is.
function calls.charge_nothing(state, status, why, cap, lib)
  local result = { status = status, error = why, billed_s = 0, lines = {}, total = cap.decimal.new(0) }
  if state then
    result.counter_s = state.counter_s
    result.bundles = state.bundles and lib.bundles.left(state.bundles, {})
    result.balances = state.balances and lib.balances.take(state.balances, result.total, 0, cap.decimal, lib.order)
  end
  return result
end

--- R3: answered, and longer than nothing and than the grace.
function calls.is_billable(event, plan)
  local grace_ms = plan.grace_ms or (plan.grace_s or 0) * 1000
  return event.status == "answered" and event.duration_ms > 0 and event.duration_ms > grace_ms
end

--- Finds what prices the call: its number, its windows and the row at answer.
-- @return call, or nil, status and why
local function begin(event, plan, cap, lib)
  local digits = lib.e164.normalise(event.to, plan, cap.text, lib.countries)
  if digits == nil then
    return nil, "no_rate", "not_e164"
  end
  local windows = plan.windows and cap.calendar.windows(plan.windows, plan.timezone or "UTC")
  local row, until_us = cap.deck.find(digits, event.answered_at, windows)
  if row == nil then
    return nil, "no_rate", "no_rate"
  end
  if row.blocked then
    return nil, "blocked", "blocked"
  end
  return {
    digits = digits, windows = windows, row = row, until_us = until_us, answered_at = event.answered_at,
    duration_ms = event.duration_ms, rate_at = plan.rate_at,
  }
end

--- The visitor of runs that charges them: at the row's price, or by the plan's tiers.
-- @param meter  {charged_s}: counts what was charged
local function charger(lines, plan, state, meter, cap, lib)
  local add, tiers = lib.lines.add_usage, plan.tiers
  if tiers == nil then
    return function(from_s, seconds, _, row, per_minute)
      meter.charged_s = meter.charged_s + seconds
      add(lines, from_s, seconds, row, per_minute)
    end
  end
  local start = state and state.counter_s or 0
  local list = {}
  for i, tier in ipairs(tiers) do
    list[i] = { up_to_s = tier.up_to_s, per_minute = cap.decimal.new(tier.per_minute) }
  end
  return function(from_s, seconds, _, row)
    lib.tiers.split(list, start + meter.charged_s, from_s, seconds, function(part_s, part, per_minute)
      add(lines, part_s, part, row, per_minute)
    end)
    meter.charged_s = meter.charged_s + seconds
  end
end

--- Puts bundles before a charger: what they cover is free.
-- @return visit, limit: the functions that blocks.walk takes
local function with_bundles(call, lines, usable, plan, charge, cap, lib)
  local bundles, order = lib.bundles, lib.order
  local zero, whole_block = cap.decimal.new(0), plan.bundle_partial == "whole_block"
  local function visit(from_s, seconds, block_s, row, per_minute)
    local at_us = call.answered_at + from_s * 1000000
    local free = bundles.cover(usable, at_us, from_s, seconds, block_s, whole_block, order, function(id, part_s, part)
      lib.lines.add_bundle(lines, part_s, part, row, id, zero)
    end)
    if free < seconds then
      charge(from_s + free, seconds - free, block_s, row, per_minute)
    end
  end
  local function limit(at_s)
    return bundles.next_expiry_s(usable, call.answered_at, at_s)
  end
  return visit, limit
end

--- Prices a call that is billable and has a row.
local function price(call, plan, state, cap, lib)
  local decimal = cap.decimal
  local places, rounding = plan.charge_decimals or 6, plan.rounding or "half_up"
  local lines, meter = {}, { charged_s = 0 }
  if call.row.connect_fee then
    lines[1] = { kind = "connect", amount = decimal.round(call.row.connect_fee, places, rounding) }
  end
  local visit, limit, usable = charger(lines, plan, state, meter, cap, lib), nil, nil
  if state and state.bundles then
    usable = lib.bundles.usable(state.bundles, call.digits, cap.text, lib.order)
    visit, limit = with_bundles(call, lines, usable, plan, visit, cap, lib)
  end
  local billed_s = lib.blocks.walk(call, cap.deck, limit, visit)
  local total = lib.lines.total(lines, places, rounding, decimal)
  if plan.min_charge or plan.max_charge then
    total = lib.lines.limit(lines, total, plan, places, rounding, decimal)
  end
  local result = { status = "rated", billed_s = billed_s, lines = lines, total = total }
  if state then
    result.counter_s = state.counter_s and state.counter_s + meter.charged_s
    result.bundles = usable and lib.bundles.left(state.bundles, usable)
    result.balances = state.balances
      and lib.balances.take(state.balances, total, call.answered_at, decimal, lib.order)
  end
  return result
end

--- The result of rating an answered call or one that was not, as the hook pricing.rate_usage gives it.
-- @param event  {to, status, answered_at, duration_ms}
-- @param plan   the parameters
-- @param state  {counter_s?, bundles?, balances?} or nil; not written
function calls.rate(event, plan, state, cap, lib)
  if event.duration_ms < 0 then
    return calls.charge_nothing(state, "failed", "invalid_duration", cap, lib)
  end
  if not calls.is_billable(event, plan) then
    return calls.charge_nothing(state, "not_billable", nil, cap, lib)
  end
  local call, status, why = begin(event, plan, cap, lib)
  if call == nil then
    return calls.charge_nothing(state, status, why, cap, lib)
  end
  return price(call, plan, state, cap, lib)
end

return calls
