--- All units at the price of the tier that their sum reaches: {model = "volume", tiers, per? = 1},
-- tiers = {{up_to = number|nil, price}, …} ascending, the last without an end.
-- While the period runs each event is charged by the tier that the sum has reached with it; what that differs from the
-- price of the whole is the true-up at the close (lib/true_up.lua).
-- State {quantity}: what the period has used before.
local volume = {}

local function tier_of(tiers, quantity, terms)
  for i = 1, #tiers - 1 do
    if quantity <= terms:number(tiers[i], "up_to") then
      return i
    end
  end
  return #tiers
end

function volume.charge(price, quantity, terms, state)
  local after = terms.decimal.new(state and state.quantity or 0) + quantity
  local i = tier_of(price.tiers, after, terms)
  local unit = terms:number(price.tiers[i], "price")
  local note = ("tier %d"):format(i)
  return { terms:line("tier", unit, quantity, price.per, note) }, { quantity = after }
end

return volume
