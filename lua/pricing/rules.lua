--- What a call costs: the hook pricing.rate_usage; and pricing.normalize_number.
--
-- input  { event = { event_id, to, status, answered_at = µs, duration_ms },
--          plan  = { timezone?, charge_decimals? = 6, rounding? = "half_up", rate_at? = "split" | "start",
--                    bundle_partial? = "split" | "whole_block", windows?, tiers?, min_charge?, max_charge?,
--                    grace_ms? | grace_s?, country?, cc?, idd?, trunk? },   amounts as decimals or their text
--          state? = { counter_s?, bundles?, balances? } }         see lib/bundles.lua, lib/balances.lua
-- output { status = "rated" | "not_billable" | "no_rate" | "blocked" | "failed",
--          error? = "no_rate" | "blocked" | "not_e164" | "invalid_duration",
--          billed_s, total = decimal,
--          lines = { { kind = "connect" | "usage" | "bundle" | "min" | "cap", from_s?, seconds?, row?, prefix?,
--                      per_minute?, bundle?, amount = decimal }, … },
--          counter_s?, bundles? = {[id] = seconds}, balances? = {[id] = decimal} }    when state has them
-- The deck that prices is cap.deck. The rules R1 to R14 are in pricing/rating.md.

--- The result that charges nothing and leaves the state as it is.
local function charge_nothing(state, status, why, cap)
  local result = { status = status, error = why, billed_s = 0, lines = {}, total = cap.decimal.new(0) }
  if state then
    local lib = cap.lib
    result.counter_s = state.counter_s
    result.bundles = state.bundles and lib.bundles.left(state.bundles, {})
    result.balances = state.balances and lib.balances.take(state.balances, result.total, 0, cap.decimal, lib.order)
  end
  return result
end

--- R3: answered, and longer than nothing and than the grace.
local function is_billable(event, plan)
  local grace_ms = plan.grace_ms or (plan.grace_s or 0) * 1000
  return event.status == "answered" and event.duration_ms > 0 and event.duration_ms > grace_ms
end

--- Finds what prices the call: its number, its windows and the row at answer.
-- @return call, or nil, status and why
local function begin(event, plan, cap)
  local digits = cap.lib.e164.normalise(event.to, plan, cap.text, cap.lib.countries)
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
local function charger(lines, plan, state, meter, cap)
  local add, tiers = cap.lib.lines.add_usage, plan.tiers
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
    cap.lib.tiers.split(list, start + meter.charged_s, from_s, seconds, function(part_s, part, per_minute)
      add(lines, part_s, part, row, per_minute)
    end)
    meter.charged_s = meter.charged_s + seconds
  end
end

--- Puts bundles before a charger: what they cover is free.
-- @return visit, limit: the functions that blocks.walk takes
local function with_bundles(call, lines, usable, plan, charge, cap)
  local bundles, order = cap.lib.bundles, cap.lib.order
  local zero, whole_block = cap.decimal.new(0), plan.bundle_partial == "whole_block"
  local function visit(from_s, seconds, block_s, row, per_minute)
    local at_us = call.answered_at + from_s * 1000000
    local free = bundles.cover(usable, at_us, from_s, seconds, block_s, whole_block, order, function(id, part_s, part)
      cap.lib.lines.add_bundle(lines, part_s, part, row, id, zero)
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
local function rate(call, plan, state, cap)
  local decimal, lib = cap.decimal, cap.lib
  local places, rounding = plan.charge_decimals or 6, plan.rounding or "half_up"
  local lines, meter = {}, { charged_s = 0 }
  if call.row.connect_fee then
    lines[1] = { kind = "connect", amount = decimal.round(call.row.connect_fee, places, rounding) }
  end
  local visit, limit, usable = charger(lines, plan, state, meter, cap), nil, nil
  if state and state.bundles then
    usable = lib.bundles.usable(state.bundles, call.digits, cap.text, lib.order)
    visit, limit = with_bundles(call, lines, usable, plan, visit, cap)
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

local function decide(input, cap)
  local event, plan, state = input.event, input.plan, input.state
  if event.duration_ms < 0 then
    return charge_nothing(state, "failed", "invalid_duration", cap)
  end
  if not is_billable(event, plan) then
    return charge_nothing(state, "not_billable", nil, cap)
  end
  local call, status, why = begin(event, plan, cap)
  if call == nil then
    return charge_nothing(state, status, why, cap)
  end
  return rate(call, plan, state, cap)
end

--- The hook pricing.normalize_number: {raw, plan} → {digits} or {error}, as rating reads a called number.
local function normalize(input, cap)
  local digits, why = cap.lib.e164.normalise(input.raw, input.plan, cap.text, cap.lib.countries)
  return { digits = digits, error = why }
end

--- 2026-07-15T10:00:00Z, a Wednesday.
local ANSWERED <const> = 1784109600000000

local function example(to, duration_ms, status)
  return { event_id = "e1", to = to, status = status or "answered", answered_at = ANSWERED, duration_ms = duration_ms }
end

local rate_cases = {
  {
    name = "61 s at 60/60 are two minutes",
    deck = { { prefix = "1", per_minute = "0.0120", initial_s = 60, increment_s = 60 } },
    input = { event = example("+12125550100", 61000), plan = {} },
    want = { status = "rated", billed_s = 120, total = "0.024", lines = { { kind = "usage", seconds = 120 } } },
  },
  {
    name = "an unanswered call costs nothing, not even the connect fee",
    deck = { { prefix = "1", per_minute = "0.10", connect_fee = "0.05" } },
    input = { event = example("+12125550100", 25000, "no_answer"), plan = {} },
    want = { status = "not_billable", billed_s = 0, total = "0" },
  },
  {
    name = "no row is an error, never a price of zero",
    deck = { { prefix = "44", per_minute = "0.0120" } },
    input = { event = example("+819012345678", 60000), plan = {} },
    want = { status = "no_rate", error = "no_rate", total = "0" },
  },
  {
    name = "free seconds first, then the tier that the counter is in",
    deck = { { prefix = "1", per_minute = "0.10" } },
    input = {
      event = example("+12125550100", 100000),
      plan = { tiers = { { up_to_s = 6000, per_minute = "0.06" }, { per_minute = "0.03" } } },
      state = { counter_s = 5950, bundles = { { id = "b", remaining_s = 20 } } },
    },
    want = {
      billed_s = 100, total = "0.065", counter_s = 6030, bundles = { b = 0 },
      lines = { { kind = "bundle", seconds = 20 }, { from_s = 20, seconds = 50 }, { from_s = 70, seconds = 30 } },
    },
  },
}

local normalize_cases = {
  {
    name = "a national number gets its country",
    input = { raw = "030 1234567", plan = { cc = "49", idd = "00", trunk = "0" } },
    want = { digits = "49301234567" },
  },
  {
    name = "a caller in a country dials as one does there",
    input = { raw = "8 10 49 30 1234567", plan = { country = "RU" } },
    want = { digits = "49301234567" },
  },
  {
    name = "a country that nobody knows has only numbers with a plus",
    input = { raw = "030 1234567", plan = { country = "ZZ" } },
    want = { error = "not_e164" },
  },
  { name = "a short code is no number", input = { raw = "911", plan = {} }, want = { error = "not_e164" } },
}

return {
  {
    hook = "pricing.rate_usage",
    api = 1,
    needs = {
      "decimal", "deck", "calendar", "text",
      "lib.balances", "lib.blocks", "lib.bundles", "lib.countries", "lib.e164", "lib.lines", "lib.order", "lib.tiers",
    },
    decide = decide,
    cases = rate_cases,
  },
  {
    hook = "pricing.normalize_number",
    api = 1,
    needs = { "text", "lib.countries", "lib.e164" },
    decide = normalize,
    cases = normalize_cases,
  },
}
