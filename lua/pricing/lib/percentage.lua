--- A share of an amount of money: {model = "percentage", rate, fixed?, min?, max?}. The quantity is the amount, the
-- rate is in percent: "2.9" of 100 is 2.9, "100" passes a cost on as it is. `fixed` comes on top; `min` and `max` bound
-- the sum by a line of their own.
local percentage = {}

function percentage.charge(price, quantity, terms)
  local decimal = terms.decimal
  local lines = { terms:line("percentage", terms:number(price, "rate"), quantity, 100) }
  if price.fixed then
    lines[2] = terms:line("flat", price.fixed, 1)
  end
  local sum = terms:total(lines)
  local min = price.min and terms:round(decimal.new(price.min))
  if min and sum < min then
    lines[#lines + 1] = terms:adjustment("min", min - sum)
    sum = min
  end
  local max = price.max and terms:round(decimal.new(price.max))
  if max and max < sum then
    lines[#lines + 1] = terms:adjustment("cap", max - sum)
  end
  return lines
end

return percentage
