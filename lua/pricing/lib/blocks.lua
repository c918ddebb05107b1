--- The billing blocks of a call, taken in runs (rating.md R7 to R9).
--
-- Blocks are anchored at the answer: the first is initial_s long, the others increment_s. A block is billed when it
-- starts before the end of the call, or before the minimum of the row at answer. Each is priced by the row that is
-- valid at its own start, and is as long as that row says; the grid is never restarted at a boundary.
--
-- A run is as many blocks as are alike: the same row, price and length. A call of 26 hours at 1/1 is one run, not
-- 93,600 blocks.
local blocks = {}

local SECOND_US <const> = 1000000

--- The first whole second of the call that is not before an instant.
local function second_of(call, at_us)
  return (at_us - call.answered_at + SECOND_US - 1) // SECOND_US
end

--- The row for the block that starts at second `at_s`, and the second from which another may be.
-- A row that blocks does not cut a call that goes on, nor does the end of a row without a successor: the price stays.
local function row_at(call, at_s, row, deck)
  local found, until_us = deck.find(call.digits, call.answered_at + at_s * SECOND_US, call.windows)
  if found ~= nil and not found.blocked then
    row = found
  end
  return row, until_us and second_of(call, until_us) or math.maxinteger
end

--- The price of a block that starts at second `at_s`, and the second from which the row has another.
local function price_at(row, at_s)
  local price, next_s = row.per_minute, math.maxinteger
  for _, step in ipairs(row.steps or {}) do
    if step.after_s > at_s then
      next_s = step.after_s
      break
    end
    price = step.per_minute
  end
  return price, next_s
end

--- Walks the call.
-- @param call   {answered_at, duration_ms, digits, row, until_us, windows, rate_at}
-- @param deck   the capability
-- @param limit  function(at_s) → second from which what the visitor does may change (math.maxinteger: never), or nil
-- @param visit  function(from_s, seconds, block_s, row, per_minute) for each run
-- @return the billed seconds
function blocks.walk(call, deck, limit, visit)
  local row = call.row
  local change_s = math.maxinteger
  if call.until_us and call.rate_at ~= "start" then
    change_s = second_of(call, call.until_us)
  end
  local end_s, at_s = math.max((call.duration_ms + 999) // 1000, row.min_s), 0
  while at_s < end_s do
    if at_s >= change_s then
      row, change_s = row_at(call, at_s, row, deck)
    end
    local price, stop_s = row.per_minute, math.min(end_s, change_s)
    if row.steps then
      local step_s
      price, step_s = price_at(row, at_s)
      stop_s = math.min(stop_s, step_s)
    end
    if limit then
      stop_s = math.min(stop_s, limit(at_s))
    end
    local block_s, n = row.increment_s, 1
    if at_s == 0 and row.initial_s ~= block_s then
      block_s = row.initial_s
    else
      n = (stop_s - at_s + block_s - 1) // block_s
    end
    visit(at_s, n * block_s, block_s, row, price)
    at_s = at_s + n * block_s
  end
  return at_s
end

return blocks
