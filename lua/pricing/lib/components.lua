--- What a call of an AI agent is made of, each part with its own unit and price: telephony, STT, LLM tokens in, out,
-- cached and reasoning, TTS characters, the platform's fee.
--
-- A component is {meter, quantity} or {meter, duration_ms}, and
--   own_key?        the customer pays the provider itself: free
--   cost?           what it cost us, for a price of = "cost": a percentage of that and not of the quantity
--   price?, per?    a price of its own, an amount or a table; otherwise plan.prices[meter] counts, then the pack's
--   initial_s?, increment_s?, min_s?    of a duration, 1 and 1 and 0; the same may stand in a price of the plan
-- A duration is billed in whole blocks, in seconds, and priced by the minute unless its price has a `per`.
-- Tokens that came from a cache and tokens of reasoning, where they have no price, cost what those beside them cost.
local components = {}

local SECONDS_A_MINUTE <const> = 60

--- Without a price of its own it has that of the other.
local SAME_AS <const> = { ["llm.tokens.cached"] = "llm.tokens.in", ["llm.tokens.reasoning"] = "llm.tokens.out" }

--- The billed seconds of a duration: blocks as in rating.md R7. Nothing at all is billed as nothing.
-- @param rule  {initial_s?, increment_s?, min_s?}
function components.billed_seconds(duration_ms, rule)
  if duration_ms <= 0 then
    return 0
  end
  local initial, step = rule.initial_s or 1, rule.increment_s or 1
  if initial < 1 or step < 1 then
    error("initial_s and increment_s must be above 0", 0)
  end
  local seconds = math.max((duration_ms + 999) // 1000, rule.min_s or 0)
  return initial + math.max(seconds - initial + step - 1, 0) // step * step
end

--- The price of a component, or nil: its own, the plan's, the pack's.
local function price_of(component, prices, pack_price)
  if type(component.price) == "table" then
    return component.price
  elseif component.price then
    local price = { model = "per_unit", price = component.price, per = component.per }
    price.initial_s, price.increment_s, price.min_s = component.initial_s, component.increment_s, component.min_s
    return price
  end
  local meter = component.meter
  local other = SAME_AS[meter]
  return prices[meter] or pack_price(meter) or (other and (prices[other] or pack_price(other)))
end

--- What the price is multiplied by, and the price as it is for that: a minute's price for seconds.
local function measure(component, price)
  if price.of == "cost" then
    return component.cost or error(("%s is priced by its cost, and has none"):format(component.meter), 0), price
  end
  if component.duration_ms == nil then
    return component.quantity or error(("%s has no quantity and no duration"):format(component.meter), 0), price
  end
  local seconds = components.billed_seconds(component.duration_ms, price)
  if price.per then
    return seconds, price
  end
  local by_minute = {}
  for key, value in pairs(price) do
    by_minute[key] = value
  end
  by_minute.per = SECONDS_A_MINUTE
  return seconds, by_minute
end

--- Charges one component.
-- @param states  {[meter] = state}: what the models remember of the period; meters whose price says `shares` the same
--                name count together under that name. Written.
-- @return the billed quantity, or nil when it has no price
function components.charge(lines, component, prices, pack_price, terms, states)
  local meter, duration_ms, added = component.meter, component.duration_ms, {}
  local price = price_of(component, prices, pack_price)
  local billed = component.quantity or duration_ms and components.billed_seconds(duration_ms, price or {})
  if billed then
    billed = terms.decimal.tointeger(billed) or terms.decimal.new(billed)
  end
  if component.own_key then
    added[1] = terms:line("own_key", terms.zero, billed or 0, nil, "own key")
  elseif price == nil then
    return nil
  else
    local quantity, measured = measure(component, price)
    local key = price.shares or meter
    added, states[key] = terms:charge(measured, quantity, states[key])
  end
  for _, line in ipairs(added) do
    line.meter, line.billed = meter, billed
    lines[#lines + 1] = line
  end
  return billed or 0
end

return components
