--- What is priced by plan.prices or a price pack and not by a deck: meters other than calls, calls where the plan or
-- the pack has a price for them, and the components of a call.
--
--   plan.prices = {["llm.tokens.in"] = {model = "per_unit", price = "0.15", per = 1000000}, …}, see lib/terms.lua
--   plan.pack = "vapi" | "retell" | "bland" | "twilio", plan.pack_options: the mechanics of that price list, as
--   lib/pack_<name>.lua has them. A pack is
--     price(meter, options, text) → price or nil       plan.prices counts before it
--     call(call, options, terms, price_of) → billed seconds and components, or nil when the call costs nothing
--
-- What models remember of the period is state.meters = {[meter or shared name] = state}; state.period says which it is.
local metered = {}

local PACKS <const> = { vapi = true, retell = true, bland = true, twilio = true }

local CALLS <const> = "call.seconds"

local NONE <const> = {
  price = function()
    return nil
  end,
}

local function pack_of(plan, lib)
  if plan.pack == nil then
    return NONE
  elseif not PACKS[plan.pack] then
    error(("there is no price pack '%s'"):format(tostring(plan.pack)), 0)
  end
  return lib["pack_" .. plan.pack]
end

--- A shallow copy: what was given is not written.
local function copy(map)
  local made = {}
  for key, value in pairs(map or {}) do
    made[key] = value
  end
  return made
end

--- Charges a list of components, all or none.
-- @param asked  {plan, state?, at_us, is_call?}: a call is bounded by the plan's min_charge and max_charge
-- @return result of the shape of pricing.rate_components
local function charge(list, asked, cap, lib)
  local plan, state = asked.plan, asked.state
  local terms = lib.terms.of(plan, cap.decimal, lib, state and state.period)
  local prices, pack, options = plan.prices or {}, pack_of(plan, lib), plan.pack_options or {}
  local function pack_price(meter)
    return pack.price(meter, options, cap.text)
  end
  local lines, meters = {}, copy(state and state.meters)
  for _, component in ipairs(list) do
    local status, why
    if (component.duration_ms or 0) < 0 then
      status, why = "failed", "invalid_duration"
    elseif lib.components.charge(lines, component, prices, pack_price, terms, meters) == nil then
      status, why = "no_rate", "no_price"
    end
    if status then
      local nothing = lib.calls.charge_nothing(state, status, why, cap, lib)
      nothing.meter = component.meter
      return nothing
    end
  end
  local total = terms:total(lines)
  if asked.is_call and (plan.min_charge or plan.max_charge) then
    total = lib.lines.limit(lines, total, plan, terms.places, terms.rounding, cap.decimal)
  end
  return {
    status = "rated", billed_s = 0, lines = lines, total = total, counter_s = state and state.counter_s,
    meters = state and state.meters and meters,
    bundles = state and state.bundles and lib.bundles.left(state.bundles, {}),
    balances = state and state.balances
      and lib.balances.take(state.balances, total, asked.at_us, cap.decimal, lib.order),
  }
end

--- The components of a call by its pack; nil and the result when it costs nothing.
local function call_parts(call, plan, state, cap, lib)
  local pack, options, prices = pack_of(plan, lib), plan.pack_options or {}, plan.prices or {}
  local function price_of(meter)
    return prices[meter] or pack.price(meter, options, cap.text)
  end
  local billed_s, parts = pack.call(call, options, lib.terms.of(plan, cap.decimal, lib), price_of)
  if billed_s == nil then
    return nil, lib.calls.charge_nothing(state, "not_billable", nil, cap, lib)
  end
  return parts, billed_s
end

local function rate_call(event, plan, state, cap, lib)
  if event.duration_ms < 0 then
    return lib.calls.charge_nothing(state, "failed", "invalid_duration", cap, lib)
  end
  local parts, billed_s
  if plan.prices and plan.prices[CALLS] then
    if not lib.calls.is_billable(event, plan) then
      return lib.calls.charge_nothing(state, "not_billable", nil, cap, lib)
    end
    parts = { { meter = CALLS, duration_ms = event.duration_ms } }
    billed_s = lib.components.billed_seconds(event.duration_ms, plan.prices[CALLS])
  else
    parts, billed_s = call_parts(event, plan, state, cap, lib)
    if parts == nil then
      return billed_s
    end
  end
  local result = charge(parts, { plan = plan, state = state, at_us = event.answered_at, is_call = true }, cap, lib)
  result.billed_s = result.status == "rated" and billed_s or 0
  return result
end

--- The result of pricing.rate_usage, or nil when a deck prices the event.
function metered.rate(event, plan, state, cap, lib)
  local meter = event.meter or CALLS
  if meter == CALLS then
    if plan.pack or plan.prices and plan.prices[CALLS] then
      return rate_call(event, plan, state, cap, lib)
    end
    return nil
  end
  local component = { meter = meter, quantity = event.quantity, cost = event.cost }
  component.own_key = event.properties and event.properties.own_key
  return charge({ component }, { plan = plan, state = state, at_us = event.event_time or event.answered_at }, cap, lib)
end

--- The hook pricing.rate_components.
-- @param input  {plan, call? = {status?, direction?, duration_ms, properties?}, components?, state?, at?}
function metered.rate_components(input, cap, lib)
  local plan, call, state = input.plan, input.call, input.state
  local list, billed_s = {}, 0
  if call and plan.pack then
    local made = copy(call)
    made.status = call.status or "answered"
    local parts, more = call_parts(made, plan, state, cap, lib)
    if parts then
      list, billed_s = parts, more
    end
  end
  local components = input.components or {}
  table.move(components, 1, #components, #list + 1, list)
  local asked = { plan = plan, state = state, at_us = input.at or 0, is_call = call ~= nil and #list > 0 }
  local result = charge(list, asked, cap, lib)
  result.billed_s = result.status == "rated" and billed_s or 0
  return result
end

return metered
