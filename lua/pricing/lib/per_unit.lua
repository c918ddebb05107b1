--- So much a unit: {model = "per_unit", price, per? = 1}. A price of "0.15" per 1000000 is for tokens.
local per_unit = {}

function per_unit.charge(price, quantity, terms)
  return { terms:line("unit", terms:number(price, "price"), quantity, price.per) }
end

return per_unit
