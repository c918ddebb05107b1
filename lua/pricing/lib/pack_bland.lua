--- Price pack "bland": a rate by plan, transfers on top, a minimum for each attempt that a longer call absorbs.
-- Published: docs.bland.ai/platform/billing. Since 2025-12-05 0.14, 0.12, 0.11 USD a connected minute (start, build,
-- scale), prorated to the second, and 0.05, 0.04, 0.03 a minute of transfer; with an own carrier transfers are free and
-- there is no minimum. An outbound attempt costs at least 0.015, also when it fails. A message is 0.02.
--
-- options = {plan? = "start", own_carrier?}; the call's properties: transfer_seconds, own_carrier.
local bland = {}

local RATES <const> = {
  start = { call = "0.14", transfer = "0.05" },
  build = { call = "0.12", transfer = "0.04" },
  scale = { call = "0.11", transfer = "0.03" },
}
local MINIMUM <const> = "0.015"

local function rates(options)
  local plan = options.plan or "start"
  return RATES[plan] or error(("the pack bland has no plan '%s'"):format(tostring(plan)), 0)
end

local function by_minute(price)
  return { model = "per_unit", price = price, per = 60 }
end

function bland.price(meter, options)
  if meter == "bland.call" then
    return by_minute(rates(options).call)
  elseif meter == "bland.transfer" or meter == "call.transfer_seconds" then
    return by_minute(options.own_carrier and "0" or rates(options).transfer)
  elseif meter == "sms.segments" then
    return { model = "per_unit", price = "0.02" }
  end
  return nil
end

--- What is missing to the minimum, after the connected time.
local function missing(seconds, price, terms)
  return terms:round(terms.decimal.new(MINIMUM)) - terms:total(terms:charge(price, seconds))
end

function bland.call(call, options, terms, price_of)
  local properties = call.properties or {}
  local own_carrier = options.own_carrier or properties.own_carrier
  local seconds = call.status == "answered" and (call.duration_ms + 999) // 1000 or 0
  local attempt = call.direction == "outbound" and not own_carrier
  if seconds == 0 and not attempt then
    return nil
  end
  local parts = {}
  if seconds > 0 then
    parts[1] = { meter = "bland.call", quantity = seconds }
  end
  local less = attempt and missing(seconds, price_of("bland.call"), terms)
  if less and less > terms.zero then
    parts[#parts + 1] = { meter = "bland.minimum", quantity = 1, price = { model = "flat", amount = less } }
  end
  if (properties.transfer_seconds or 0) > 0 and not own_carrier then
    parts[#parts + 1] = { meter = "bland.transfer", quantity = properties.transfer_seconds }
  end
  return seconds, parts
end

return bland
