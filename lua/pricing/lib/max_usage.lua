--- How long a call may last for the money there is (rating.md R15): the longest billed length whose price, with connect
-- fee, bundles, tiers and later rates, is not above what is available. Of calls by a deck, plan.prices or a price pack.
--
-- A longer call never costs less, so the length is found by halving: eighteen ratings for a day of seconds. Where a
-- price may fall, as that of a volume does, the dearest shorter call counts.
local max_usage = {}

local DAY_S <const> = 86400

--- The longest time below `high`, which costs too much.
-- @param price  function(seconds) → decimal, any
-- @return seconds, price, any
local function halve(high, price, available)
  local low, best_total, best = 0, price(0)
  while high - low > 1 do
    local middle = (low + high) // 2
    local total, result = price(middle)
    if total <= available then
      low, best_total, best = middle, total, result
    else
      high = middle
    end
  end
  return low, best_total, best
end

--- A price that does not fall: of a shorter time, if that is dearer.
-- @param peaks  seconds after which it may fall
local function rising(price, peaks, decimal)
  if peaks == nil or #peaks == 0 then
    return price
  end
  return function(seconds)
    local total, result = price(seconds)
    for _, peak in ipairs(peaks) do
      if peak < seconds then
        total = decimal.max(total, (price(peak)))
      end
    end
    return total, result
  end
end

--- The longest time up to `limit_s` for which something whose price is a function of it can be had.
-- @return seconds, price
function max_usage.longest(limit_s, price, available, peaks, decimal)
  price = rising(price, peaks, decimal)
  local total = price(limit_s)
  if total <= available then
    return limit_s, total
  end
  local seconds, less = halve(limit_s, price, available)
  return seconds, less
end

--- @param event      {to, direction?, properties?, answered_at}
-- @param available  decimal
-- @param limit_s    no longer than this; nil: a day
-- @param beside     function(seconds) → decimal: what else so long a call costs; nil: nothing
-- @param peaks      {seconds, …}, after which the price may fall; nil: it does not
-- @return seconds, price and the result of rating so many; nil, nil and the result when the call has no price at all
function max_usage.seconds(event, plan, state, available, limit_s, cap, lib, beside, peaks)
  local call = {
    to = event.to, direction = event.direction, properties = event.properties, status = "answered",
    answered_at = event.answered_at,
  }
  local used = state
    and { counter_s = state.counter_s, bundles = state.bundles, meters = state.meters, period = state.period }
  local function price(seconds)
    call.duration_ms = seconds * 1000
    local result = lib.usage.rate(call, plan, used, cap, lib)
    local total = result.total
    if beside and result.status == "rated" then
      total = total + beside(math.max(seconds, result.billed_s))
    end
    return total, result
  end
  -- at least what is longer than the grace, so that the first rating tells whether there is a price
  local grace_ms = plan.grace_ms or (plan.grace_s or 0) * 1000
  local high = math.max(limit_s or DAY_S, grace_ms // 1000 + 1)
  price = rising(price, peaks, cap.decimal)
  local total, result = price(high)
  if result.status ~= "rated" then
    return nil, nil, result
  elseif total <= available then
    return math.min(result.billed_s, high), total, result
  end
  return halve(high, price, available)
end

return max_usage
