--- The lines of a rated call (rating.md R10, R11).
-- A line is the longest run of consecutive blocks with the same source, row and price. It is rounded once.
local lines = {}

--- Appends charged seconds, or makes the last line longer when they continue it.
function lines.add_usage(list, from_s, seconds, row, per_minute)
  local last = list[#list]
  if last and last.kind == "usage" and last.row == row.number and last.per_minute == per_minute then
    last.seconds = last.seconds + seconds
  else
    list[#list + 1] = {
      kind = "usage", from_s = from_s, seconds = seconds, row = row.number, prefix = row.prefix,
      per_minute = per_minute,
    }
  end
end

--- Appends free seconds of a bundle.
function lines.add_bundle(list, from_s, seconds, row, bundle, zero)
  local last = list[#list]
  if last and last.kind == "bundle" and last.row == row.number and last.bundle == bundle then
    last.seconds = last.seconds + seconds
  else
    list[#list + 1] = {
      kind = "bundle", from_s = from_s, seconds = seconds, row = row.number, prefix = row.prefix, bundle = bundle,
      amount = zero,
    }
  end
end

--- Rounds each line and adds them up.
-- @return decimal total
function lines.total(list, places, rounding, decimal)
  local total
  for i = 1, #list do
    local line = list[i]
    local amount = line.amount or decimal.muldiv(line.per_minute, line.seconds, 60, places, rounding)
    line.amount = amount
    total = total and total + amount or amount
  end
  return total or decimal.new(0)
end

--- Adds the line that lifts the total to the minimum or lowers it to the maximum.
-- @return decimal the new total
function lines.limit(list, total, plan, places, rounding, decimal)
  local min = plan.min_charge and decimal.round(plan.min_charge, places, rounding)
  if min and total < min then
    list[#list + 1] = { kind = "min", amount = min - total }
    total = min
  end
  local max = plan.max_charge and decimal.round(plan.max_charge, places, rounding)
  if max and max < total then
    list[#list + 1] = { kind = "cap", amount = max - total }
    total = max
  end
  return total
end

return lines
