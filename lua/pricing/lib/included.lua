--- A quantity that is free in each period, and a price for what is above it:
--   {model = "included", quantity, over = price, rollover? = {periods, max?}}
-- What a period leaves over may be used for `periods` more; what expires first is used first. `max` bounds what is
-- carried into a period: what would expire first is lost first.
-- State {period, lots = {{last, of, used}, …}, over?}: of each grant the last period it may be used in, how much it was
-- and what was used of it, in the order of use. Which period it is stands in the terms; periods that passed in between
-- are caught up with. What was used is kept apart from the grant so that a call can give back what it had kept for
-- itself (charge/ratestate.h).
local included = {}

local function grant(price, period, terms)
  local last = period + (price.rollover and price.rollover.periods or 0)
  return { last = last, of = terms:number(price, "quantity"), used = terms.zero }
end

--- What of the lots may still be used in a period, at most `max` of it.
local function carry(lots, period, max, terms)
  local decimal = terms.decimal
  local room, carried = max and decimal.new(max), {}
  for i = #lots, 1, -1 do
    local lot = lots[i]
    local left = lot.of - lot.used
    if room then
      left = decimal.min(left, room)
    end
    if lot.last >= period then
      table.insert(carried, 1, { last = lot.last, of = lot.used + left, used = lot.used })
      room = room and room - left
    end
  end
  return carried
end

--- The lots as they stand in the period of the terms: a new table.
local function open(price, terms, state)
  local decimal, period, lots = terms.decimal, terms.period, {}
  if state == nil then
    return { grant(price, period, terms) }
  end
  for i, lot in ipairs(state.lots) do
    lots[i] = { last = lot.last, of = decimal.new(lot.of), used = decimal.new(lot.used) }
  end
  local rollover = price.rollover or { periods = 0 }
  -- a lot of an earlier one has expired by now
  for at = math.max(state.period, period - rollover.periods - 1) + 1, period do
    lots = carry(lots, at, rollover.max, terms)
    lots[#lots + 1] = grant(price, at, terms)
  end
  return lots
end

function included.charge(price, quantity, terms, state)
  local decimal, zero = terms.decimal, terms.zero
  local lots, rest = open(price, terms, state), quantity
  for _, lot in ipairs(lots) do
    local taken = decimal.min(lot.of - lot.used, rest)
    lot.used, rest = lot.used + taken, rest - taken
  end
  local lines, over = {}, state and state.over
  if rest < quantity then
    lines[1] = terms:line("included", zero, quantity - rest)
  end
  if rest > zero then
    local more
    more, over = terms:charge(price.over or {}, rest, over)
    table.move(more, 1, #more, #lines + 1, lines)
  end
  return lines, { period = math.max(terms.period, state and state.period or 0), lots = lots, over = over }
end

return included
