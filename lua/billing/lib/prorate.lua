--- What a change in the middle of a period gives back and costs: the whole period's price times the part that is left.
local prorate = {}

--- How much of the period is left at an instant, and how much it is in all: in seconds, or in days of the zone where
-- the day of the change belongs to what is new.
-- @return part, whole
function prorate.part(period, at_us, by, timezone, calendar)
  local at = math.max(period.from, math.min(at_us, period.to))
  if by == "day" then
    local days = calendar.days_between
    return days(at, period.to, timezone), days(period.from, period.to, timezone)
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
