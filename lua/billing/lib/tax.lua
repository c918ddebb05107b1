--- The tax of an invoice: what kind of supply it is, then one rounding for all lines of a rate.
local tax = {}

--- Home, or the customer's country within a tax union, or nothing abroad; a business of the union pays it itself.
-- @return "taxed" | "reverse_charge" | "exempt" | "outside", and the country whose rate it is
function tax.treatment(seller, customer)
  local country = customer.country or seller.country
  if customer.exempt then
    return "exempt", country
  elseif country == seller.country then
    return "taxed", country
  elseif seller.union == nil or seller.union ~= customer.union then
    return "outside", country
  elseif customer.tax_id and customer.tax_id_valid then
    return "reverse_charge", country
  end
  return "taxed", country
end

--- The rate of a country and category. A rate that is missing is never zero.
local function find_rate(rates, country, category)
  for _, rate in ipairs(rates) do
    if rate.country == country and (rate.category or "standard") == category then
      return rate
    end
  end
  error("there is no rate of " .. country .. ", category " .. category)
end

--- What the tax of a group is on, and the tax.
local function compute(sum, percent, inclusive, places, decimal)
  local hundred = decimal.new(100)
  if inclusive then
    local net = decimal.div(decimal.mul(sum, hundred, 12, "half_up"), hundred + percent, places, "half_up")
    return net, sum - net
  end
  return sum, decimal.mul(sum, decimal.div(percent, hundred, 12, "half_up"), places, "half_up")
end

--- Puts the lines of an invoice into groups of one rate.
-- @return lines {id, treatment, percent, name}, groups {name, percent, treatment, sum} in the order of the lines
function tax.group(input, decimal)
  local treatment, country = tax.treatment(input.seller, input.customer)
  local lines, groups, by_key = {}, {}, {}
  for i, line in ipairs(input.lines) do
    local percent, name = decimal.new(0), nil
    if treatment == "taxed" then
      local rate = find_rate(input.rates, country, line.category or "standard")
      percent, name = decimal.new(rate.percent), rate.name
    end
    lines[i] = { id = line.id, treatment = treatment, percent = percent, name = name }
    local key = (name or "") .. tostring(percent)
    local group = by_key[key]
    if group == nil then
      group = { name = name, percent = percent, treatment = treatment, sum = decimal.new(0) }
      by_key[key] = group
      groups[#groups + 1] = group
    end
    group.sum = group.sum + decimal.new(line.amount)
  end
  return lines, groups
end

--- @return {{name, percent, treatment, net, tax}, …}, net, tax
function tax.sums(groups, inclusive, places, decimal)
  local taxes, net, all = {}, decimal.new(0), decimal.new(0)
  for i, group in ipairs(groups) do
    local base, amount = compute(group.sum, group.percent, inclusive, places, decimal)
    taxes[i] = { name = group.name, percent = group.percent, treatment = group.treatment, net = base, tax = amount }
    net, all = net + base, all + amount
  end
  return taxes, net, all
end

return tax
