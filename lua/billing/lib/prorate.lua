--- What a change in the middle of a period gives back and costs: the whole period's price times the part that is left.
local prorate = {}

--- Days since 1970-01-01 on the calendar of the zone.
local function day_of(at_us, timezone, calendar)
  return (at_us // 1000000 + calendar.local_time(at_us, timezone).offset_s) // 86400
end

--- How much of the period is left at an instant, and how much it is in all: in seconds, or in days of the zone where
-- the day of the change belongs to what is new.
-- @return part, whole
function prorate.part(period, at_us, by, timezone, calendar)
  local at = math.max(period.from, math.min(at_us, period.to))
  if by == "day" then
    local last = day_of(period.to, timezone, calendar)
    return last - day_of(at, timezone, calendar), last - day_of(period.from, timezone, calendar)
  end
  return (period.to - at) // 1000000, (period.to - period.from) // 1000000
end

--- @param sign  -1 for what is given back
function prorate.line(kind, item, period, at_us, part, whole, places, decimal)
  local price = decimal.mul(item.price, item.quantity, 12, "half_up")
  local amount = decimal.muldiv(price, part, whole, places, "half_up")
  return {
    kind = kind, from = math.max(period.from, at_us), to = period.to, quantity = item.quantity, part = part,
    whole = whole, amount = kind == "credit" and -amount or amount, description = item.description,
  }
end

return prorate
