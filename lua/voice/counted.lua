--- What a provider has counted of a call, in our meters.
-- Pure. A part is {key = "voice.characters", quantity = decimal, cost = decimal?} with the cost in USD; of several
-- parts of one meter there is one sum, and none of nothing that costs nothing.
local counted = {}

local CURRENCY <const> = "USD"
local ZERO <const> = tg.decimal.new(0)

--- A number that is one, not below zero, as a decimal; else nil.
---@return decimal?
function counted.number(value)
  if math.type(value) ~= "integer" and not tg.decimal.is_decimal(value) then
    return nil
  end
  local number <const> = tg.decimal.new(value)
  return number >= ZERO and number or nil
end

---@param parts {key: string, quantity: decimal, cost: decimal?}[]
---@param meter_of fun(key: string): string?  nil: it is left out
---@return {meter: string, quantity: string, provider_cost: {amount: string, currency: string}?}[]
function counted.usage(parts, meter_of)
  local list, places = {}, {}
  for _, part in ipairs(parts) do
    local meter <const> = meter_of(part.key)
    local row = meter and places[meter]
    if meter and not row then
      row = { meter = meter, quantity = ZERO }
      places[meter], list[#list + 1] = row, row
    end
    if row then
      row.quantity = row.quantity + part.quantity
      row.cost = part.cost and (row.cost or ZERO) + part.cost or row.cost
    end
  end
  local usage <const> = {}
  for _, row in ipairs(list) do
    if row.quantity > ZERO or row.cost and row.cost > ZERO then
      usage[#usage + 1] = {
        meter = row.meter, quantity = tostring(row.quantity),
        provider_cost = row.cost and { amount = tostring(row.cost), currency = CURRENCY },
      }
    end
  end
  return usage
end

return counted
