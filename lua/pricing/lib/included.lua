--- A quantity that is free in each period, and a price for what is above it:
--   {model = "included", quantity, over = price, rollover? = {periods, max?}}
-- What a period leaves over may be used for `periods` more; what expires first is used first. `max` bounds what is
-- carried into a period: what would expire first is lost first.
-- State {period, lots = {{left, last}, …}, over?}: what is left of each grant and the last period it may be used in, in
-- the order of use. Which period it is stands in the terms; periods that passed in between are caught up with.
local included = {}

local function grant(price, period, terms)
  return { left = terms:number(price, "quantity"), last = period + (price.rollover and price.rollover.periods or 0) }
end

--- What of the lots may still be used in a period, at most `max` of it.
local function carry(lots, period, max, terms)
  local decimal, zero = terms.decimal, terms.zero
  local room, carried = max and decimal.new(max), {}
  for i = #lots, 1, -1 do
    local left = lots[i].left
    if room then
      left = decimal.min(left, room)
    end
    if lots[i].last >= period and left > zero then
      table.insert(carried, 1, { left = left, last = lots[i].last })
      room = room and room - left
    end
  end
  return carried
end

--- The lots as they stand in the period of the terms: a new table.
local function open(price, terms, state)
  local period, lots = terms.period, {}
  if state == nil then
    return { grant(price, period, terms) }
  end
  for i, lot in ipairs(state.lots) do
    lots[i] = { left = terms.decimal.new(lot.left), last = lot.last }
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
    local taken = decimal.min(lot.left, rest)
    lot.left, rest = lot.left - taken, rest - taken
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
