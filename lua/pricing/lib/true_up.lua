--- What a period was charged less than it should have been, or more (rating.md R13): volume tiers whose sum has reached
-- a cheaper tier, a minimum that was not met.
local true_up = {}

--- @param price     of the whole period; a commitment's quantity is what was charged
-- @param quantity  of the period
-- @param charged   what its events were charged already
-- @return should_be, adjustment, lines: the lines are of the price of the whole
function true_up.of(price, quantity, charged, terms)
  charged = terms.decimal.new(charged)
  if price.model == "commitment" then
    local lines = terms:charge(price, charged)
    local missing = terms:total(lines)
    return charged + missing, missing, lines
  end
  local lines = terms:charge(price, quantity)
  local should_be = terms:total(lines)
  return should_be, should_be - charged, lines
end

return true_up
