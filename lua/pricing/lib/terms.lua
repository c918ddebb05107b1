--- How the amounts of a plan are computed, and which pricing model computes them.
--
-- Quantities and prices are decimals. An amount is rounded once, where its line is made: to plan.charge_decimals places
-- (6), in the way plan.rounding names (half_up; also half_even, up, down), by magnitude.
--
-- A price is a table {model = "per_unit", …}; lib/<model>.lua says what else stands in it. Every model is
--   charge(price, quantity, terms, state) → lines, next state
-- where a line is {kind, quantity, unit_amount, per?, amount, note?} and amount = unit_amount × quantity ÷ per. A model
-- that remembers nothing over a period takes no state and gives none. lib/components.lua reads more of a price: shares,
-- of, initial_s, increment_s, min_s.
local terms = {}

local MODELS <const> = {
  flat = true, per_unit = true, per_seat = true, graduated = true, volume = true, package = true, percentage = true,
  commitment = true, included = true,
}

--- By what a quantity becomes a whole number, so that price × quantity ÷ per is rounded once.
local SCALES <const> = { 1, 1000, 1000000, 1000000000, 1000000000000 }

local PER_MAX <const> = 1000000

--- A member of a price as a decimal; raises when it is missing.
local function number(self, price, name)
  local value = price[name]
  if value == nil then
    error(("a price of the model %s needs '%s'"):format(tostring(price.model), name), 0)
  end
  return self.decimal.new(value)
end

--- unit × quantity ÷ per, rounded once.
-- @param per  1 to 1,000,000: the price is for so many units
local function amount(self, unit, quantity, per)
  local decimal = self.decimal
  if per == nil or per == 1 then
    return decimal.mul(unit, quantity, self.places, self.rounding)
  end
  if math.type(per) ~= "integer" or per < 1 or per > PER_MAX then
    error("per must be a whole number from 1 to 1000000", 0)
  end
  for _, scale in ipairs(SCALES) do
    local whole = decimal.tointeger(decimal.muldiv(quantity, scale, 1, 12, "down"))
    if whole then
      return decimal.muldiv(unit, whole, per * scale, self.places, self.rounding)
    end
  end
  error(("the quantity %s has too many digits for a price per %d"):format(tostring(quantity), per), 0)
end

local function line(self, kind, unit, quantity, per, note)
  local decimal = self.decimal
  unit, quantity = decimal.new(unit), decimal.new(quantity)
  return {
    kind = kind, quantity = quantity, unit_amount = unit, per = per, amount = amount(self, unit, quantity, per),
    note = note,
  }
end

--- A line that lifts or lowers a sum by an amount that is rounded already.
local function adjustment(self, kind, by, note)
  return { kind = kind, quantity = self.one, unit_amount = by, amount = by, note = note }
end

local function round(self, value)
  return self.decimal.round(value, self.places, self.rounding)
end

local function total(self, lines)
  local sum = self.zero
  for i = 1, #lines do
    sum = sum + lines[i].amount
  end
  return sum
end

--- The lines of a quantity by its price's model.
-- @param price     {model = string, …}
-- @param quantity  decimal, integer or text, not negative
-- @return lines, next state or nil
local function charge(self, price, quantity, state)
  local model = price.model
  if model == nil or not MODELS[model] then
    error(("there is no pricing model '%s'"):format(tostring(model)), 0)
  end
  quantity = self.decimal.new(quantity)
  if quantity < self.zero then
    error(("the quantity %s is negative: usage is taken back by a correction"):format(tostring(quantity)), 0)
  end
  return self.lib[model].charge(price, quantity, self, state)
end

--- @param plan    {charge_decimals?, rounding?}
-- @param lib     the libraries of this folder: terms and the models that may be named
-- @param period  which period of the plan it is, counted from any beginning; for what is rolled over
function terms.of(plan, decimal, lib, period)
  return {
    decimal = decimal, lib = lib, period = period or 0, places = plan.charge_decimals or 6,
    rounding = plan.rounding or "half_up", zero = decimal.new(0), one = decimal.new(1), number = number,
    amount = amount, line = line, adjustment = adjustment, round = round, total = total, charge = charge,
  }
end

return terms
