--- What a price has taken from counters, memories of prices and allowances, and how they are without it (rating.md
-- R21). Pure; the ledger engine does the same with live calls (src/charge/ratestate_json.c). Of a memory the members
-- `quantity` and `used` are amounts, also in the objects and the lots (lists by `last`) within it.
local consumed = {}

local AMOUNTS <const> = { quantity = true, used = true }
local ZERO <const> = tg.decimal.new(0)

local function decimal(value)
  return value and tg.decimal.new(value) or ZERO
end

local function is_object(value)
  return type(value) == "table" and not (getmetatable(value) or {}).__tostring
end

-- The lot of the same `last`.
local function lot_like(lots, lot)
  for _, other in ipairs(lots or {}) do
    if other.last == lot.last then
      return other
    end
  end
end

local taken_of

local function taken_of_member(name, before, after)
  if is_object(after) then
    return taken_of(is_object(before) and before or {}, after)
  elseif AMOUNTS[name] then
    local taken <const> = decimal(after) - decimal(before)
    return taken ~= ZERO and tostring(taken) or nil
  end
end

function taken_of(before, after)
  local taken = nil
  if #after > 0 then
    taken = tg.json.array({})
    for _, lot in ipairs(after) do
      local part = taken_of(lot_like(before, lot) or {}, lot)
      if part then
        part.last = lot.last
        taken[#taken + 1] = part
      end
    end
    return taken[1] and taken
  end
  for name, value in pairs(after) do
    local part <const> = taken_of_member(name, before[name], value)
    if part then
      taken = taken or {}
      taken[name] = part
    end
  end
  return taken
end

--- What a rule has taken.
---@param before table? input.state of pricing.rate_usage
---@param after table what the rule answered: counter_s, meters, bundles
---@return table? taken {counter_s?, meters?, bundles?}
function consumed.of(before, after)
  if not before then
    return nil
  end
  local taken, bundles = {}, nil
  if after.counter_s and after.counter_s ~= before.counter_s then
    taken.counter_s = after.counter_s - (before.counter_s or 0)
  end
  for _, bundle in ipairs(before.bundles or {}) do
    local left <const> = (after.bundles or {})[bundle.id]
    if left and left ~= bundle.remaining_s then
      bundles = bundles or {}
      bundles[bundle.id] = bundle.remaining_s - left
    end
  end
  taken.bundles, taken.meters = bundles, taken_of(before.meters or {}, after.meters or {})
  return next(taken) and taken
end

-- A memory with the amounts of `taken` added (sign 1) or given back (-1), never below zero.
local function moved(memory, taken, sign)
  local result = #memory > 0 and tg.json.array({}) or {}
  for name, value in pairs(memory) do
    local part = #memory > 0 and lot_like(taken, value) or taken[name]
    if part == nil then
      result[name] = value
    elseif is_object(value) then
      result[name] = moved(value, part, sign)
    elseif AMOUNTS[name] then
      local sum <const> = decimal(value) + (sign == 1 and decimal(part) or -decimal(part))
      result[name] = tostring(sum < ZERO and ZERO or sum)
    else
      result[name] = value
    end
  end
  return result
end

--- Counters and memories when one price takes the place of another.
---@param state {counter_s: integer, meters: table?} as they are
---@param old table? what the one that stood had taken
---@param new table? what the other takes
---@return {counter_s: integer, meters: table?} state
function consumed.replace(state, old, new)
  local counter <const> = state.counter_s - (old and old.counter_s or 0) + (new and new.counter_s or 0)
  local meters = state.meters
  if meters and old and old.meters then
    meters = moved(meters, old.meters, -1)
  end
  if meters and new and new.meters then
    meters = moved(meters, new.meters, 1)
  end
  return { counter_s = math.max(counter, 0), meters = meters }
end

--- The position a correction is rated at: that of the usage. Of free seconds it has no more than are there now, with
-- those that it gives back.
---@param before table? input.state of the usage
---@param old table? what the version that stood has taken
---@param left table<string, integer> free seconds that the allowances have now
---@return table? state
function consumed.position(before, old, left)
  if not before then
    return nil
  end
  local state = {}
  for name, value in pairs(before) do
    state[name] = value
  end
  if before.bundles then
    state.bundles = tg.json.array({})
    for i, bundle in ipairs(before.bundles) do
      local copy = {}
      for name, value in pairs(bundle) do
        copy[name] = value
      end
      local back <const> = old and old.bundles and old.bundles[bundle.id] or 0
      copy.remaining_s = math.min(bundle.remaining_s, (left[bundle.id] or 0) + back)
      state.bundles[i] = copy
    end
  end
  return state
end

return consumed
