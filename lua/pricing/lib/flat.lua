--- A fixed amount, whatever the quantity: {model = "flat", amount}.
local flat = {}

function flat.charge(price, _, terms)
  return { terms:line("flat", terms:number(price, "amount"), 1) }
end

return flat
