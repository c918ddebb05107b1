--- Each unit at the price of the tier it falls into: {model = "graduated", tiers, per? = 1},
-- tiers = {{up_to = number|nil, price, flat?}, …} ascending, the last without an end. A tier holds what is above the
-- one before, up to and including `up_to`; `flat` is charged once, with its first unit.
-- State {quantity}: what the period has used before.
local graduated = {}

local function add_tier(lines, i, tier, quantity, is_first, price, terms)
  local note = ("tier %d"):format(i)
  if is_first and tier.flat then
    lines[#lines + 1] = terms:line("flat", tier.flat, 1, nil, note)
  end
  lines[#lines + 1] = terms:line("tier", terms:number(tier, "price"), quantity, price.per, note)
end

function graduated.charge(price, quantity, terms, state)
  local decimal, zero = terms.decimal, terms.zero
  local at = decimal.new(state and state.quantity or 0)
  local lines, rest, from, after = {}, quantity, zero, at + quantity
  for i, tier in ipairs(price.tiers) do
    local up_to = i < #price.tiers and terms:number(tier, "up_to") or after
    if rest > zero and at < up_to then
      local taken = decimal.min(rest, up_to - at)
      add_tier(lines, i, tier, taken, at == from, price, terms)
      at, rest = at + taken, rest - taken
    end
    from = up_to
  end
  return lines, { quantity = after }
end

return graduated
