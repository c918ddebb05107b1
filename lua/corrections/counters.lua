--- Counters, memories of prices and allowances: as they would be, had a usage been what it is now.
local consumed = require("corrections.consumed")
local store = require("corrections.store")

local counters = {}

local ALL_PERIODS <const> = "1000-01-01" -- where memories are that outlive their period

-- Prices whose memory outlives the period, by the name of the memory.
local function rolled_over(plan)
  local names = {}
  for meter, price in pairs(plan.pricing and plan.pricing.prices or {}) do
    if price.rollover then
      names[price.shares or meter] = true
    end
  end
  return names
end

-- The part of what was taken that a row of rating_states remembers.
local function part_of(taken, names, of_all)
  if not taken then
    return nil
  end
  local meters = {}
  for name, memory in pairs(taken.meters or {}) do
    if (names[name] or false) == of_all then
      meters[name] = memory
    end
  end
  return { counter_s = not of_all and taken.counter_s or nil, meters = next(meters) and meters or nil }
end

local function move_state(tx, row, period, old, new)
  if not (old and (old.counter_s or old.meters)) and not (new and (new.counter_s or new.meters)) then
    return true
  end
  local state, err = store.rating_state(tx, row.company, period)
  if not state then
    return err == nil or nil, err
  end
  return store.set_rating_state(tx, row.company, period, consumed.replace(state, old, new))
end

local function move_allowances(tx, row, old, new)
  local seconds = {}
  for id, n in pairs(old and old.bundles or {}) do
    seconds[id] = n
  end
  for id, n in pairs(new and new.bundles or {}) do
    seconds[id] = (seconds[id] or 0) - n
  end
  for id, n in pairs(seconds) do
    local found, err = store.allowance(tx, row.company, id)
    local done = err == nil or nil
    if found and n ~= 0 then
      done, err = store.set_allowance(tx, row.company, id, math.min(found.granted_s, found.remaining_s + n))
    end
    if not done then
      return nil, err
    end
  end
  return true
end

--- Counters, memories and allowances, as if the usage had been what it is now.
function counters.move(tx, row, new)
  local period <const> = row.rating.state and row.rating.state.period
  local names <const> = rolled_over(row.plan)
  local done, err = move_allowances(tx, row, new.old, new.consumed)
  if done and period then
    local month <const> = ("%04d-%02d-01"):format(period // 12, period % 12 + 1)
    done, err = move_state(tx, row, month, part_of(new.old, names, false), part_of(new.consumed, names, false))
  end
  if done and next(names) then
    done, err = move_state(tx, row, ALL_PERIODS, part_of(new.old, names, true), part_of(new.consumed, names, true))
  end
  return done, err
end

return counters
