--- How long a live call may go on for the money there is, and what it costs until then: all its meters, as far as the
-- plan expects them. Pure; asked by charging.quote.
local slice = {}

local UNBOUNDED <const> = "99999999999999999999"
local SECONDS <const> = "call.seconds"

--- Whether a deck prices calls, and no price of the plan.
function slice.has_deck(plan)
  return plan.pack == nil and (plan.prices == nil or plan.prices[SECONDS] == nil)
end

--- Whether seconds are charged, and what else is: meters that may have a price, and of which the plan expects some in
-- a minute of a call. For others nothing is held; what they cost comes at the end.
function slice.meters_of(input)
  local plan = input.plan
  local meters, expected = input.call.meters, (plan.prices or plan.pack) and plan.expected
  if meters == nil or #meters == 0 then
    return true, {}
  end
  local has_seconds, others = false, {}
  for _, meter in ipairs(meters) do
    if meter == SECONDS then
      has_seconds = true
    elseif expected and expected[meter] then
      others[#others + 1] = meter
    end
  end
  return has_seconds, others
end

--- What so many seconds of the call are expected to cost beside them: function(seconds) → decimal. A meter without a
-- price costs nothing; one that is priced by its cost is expected to cost us what plan.expected says.
local function expected_price(meters, input, at_us, cap)
  local lib, plan, state, decimal = cap.lib.pricing, input.plan, input.state, cap.decimal
  return function(seconds)
    local total = decimal.new(0)
    for _, meter in ipairs(meters) do
      local quantity = decimal.muldiv(plan.expected[meter], seconds, 60, 12, "up")
      local event = { meter = meter, quantity = quantity, cost = quantity, event_time = at_us, answered_at = at_us }
      total = total + lib.usage.rate(event, plan, state, cap, lib).total
    end
    return total
  end
end

--- The seconds with which a volume reaches the end of a tier: one more, and all of it may be cheaper.
local function peaks_of(has_seconds, others, input, decimal)
  local plan, peaks = input.plan, {}
  local function add(meter, a_minute)
    local price = plan.prices and plan.prices[meter]
    local state = input.state and input.state.meters and input.state.meters[price and price.shares or meter]
    if price == nil or price.model ~= "volume" or a_minute <= decimal.new(0) then
      return
    end
    for i = 1, #price.tiers - 1 do
      local left = decimal.new(price.tiers[i].up_to) - decimal.new(state and state.quantity or 0)
      if left > decimal.new(0) then
        peaks[#peaks + 1] = decimal.tointeger(decimal.div(decimal.mul(left, 60, 12, "down"), a_minute, 0, "down"))
      end
    end
  end
  if has_seconds then
    add(SECONDS, decimal.new(60))
  end
  for _, meter in ipairs(others) do
    add(meter, decimal.new(plan.expected[meter]))
  end
  return peaks
end

--- Seconds of the call that are paid for, their price, and the result of rating them, if they are rated; nil, nil and
-- the result when there is no price.
function slice.paid(input, limit_s, debited, cap)
  local lib, has_seconds, others = cap.lib.pricing, slice.meters_of(input)
  local at_us = input.answered_at or input.call.at
  local available = cap.decimal.new(input.available or UNBOUNDED) + debited
  local beside = #others > 0 and expected_price(others, input, at_us, cap) or nil
  local peaks = input.plan.prices and peaks_of(has_seconds, others, input, cap.decimal)
  if not has_seconds then
    return lib.max_usage.longest(limit_s, beside or function()
      return cap.decimal.new(0)
    end, available, peaks, cap.decimal)
  end
  local call = {
    to = input.call.to, direction = input.call.direction, properties = input.call.properties, answered_at = at_us,
  }
  local seconds, total, result =
    lib.max_usage.seconds(call, input.plan, input.state, available, limit_s, cap, lib, beside, peaks)
  if seconds == nil then
    return nil, nil, result
  elseif slice.has_deck(input.plan) then -- else a price pack may bill more seconds than there are
    seconds = math.max(seconds, result.billed_s)
  end
  return seconds, total, result
end

return slice
