--- How long a call may last for the money there is (rating.md R15): the longest billed length whose price, with connect
-- fee, bundles, tiers and later rates, is not above what is available. Of calls by a deck, plan.prices or a price pack.
--
-- A longer call never costs less, so the length is found by halving: eighteen ratings for a day of seconds.
local max_usage = {}

local DAY_S <const> = 86400

--- @param event      {to, direction?, properties?, answered_at}
-- @param available  decimal
-- @param limit_s    no longer than this; nil: a day
-- @return seconds and the result of rating so many; nil and the result when the call has no price at all
function max_usage.seconds(event, plan, state, available, limit_s, cap, lib)
  local call = {
    to = event.to, direction = event.direction, properties = event.properties, status = "answered",
    answered_at = event.answered_at,
  }
  local used = state
    and { counter_s = state.counter_s, bundles = state.bundles, meters = state.meters, period = state.period }
  local function rate(seconds)
    call.duration_ms = seconds * 1000
    return lib.usage.rate(call, plan, used, cap, lib)
  end
  -- at least what is longer than the grace, so that the first rating tells whether there is a price
  local grace_ms = plan.grace_ms or (plan.grace_s or 0) * 1000
  local low, high = 0, math.max(limit_s or DAY_S, grace_ms // 1000 + 1)
  local best = rate(high)
  if best.status ~= "rated" then
    return nil, best
  end
  if best.total <= available then
    return math.min(best.billed_s, high), best
  end
  while high - low > 1 do
    local middle = (low + high) // 2
    local result = rate(middle)
    if result.total <= available then
      low = middle
    else
      high = middle
    end
  end
  return low, rate(low)
end

return max_usage
