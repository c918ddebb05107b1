--- So much a seat: {model = "per_seat", price, included? = 0, minimum? = 0}. Seats are whole; `included` ones are free,
-- fewer than `minimum` are billed as that many.
local per_seat = {}

function per_seat.charge(price, quantity, terms)
  local seats = terms.decimal.tointeger(quantity)
  if seats == nil then
    error(("seats must be a whole number, not %s"):format(tostring(quantity)), 0)
  end
  local included = price.included or 0
  local billed = math.max(seats, price.minimum or 0) - included
  local note = included > 0 and ("%d included"):format(included) or nil
  return { terms:line("seat", terms:number(price, "price"), math.max(billed, 0), nil, note) }
end

return per_seat
