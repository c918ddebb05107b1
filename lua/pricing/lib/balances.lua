--- Taking a charge from balances (rating.md R14): by priority, expiry, id; only the last one may go below zero.
local balances = {}

--- @param list     {{id, amount, priority, expires = µs|nil}, …}
-- @param total    decimal
-- @param at_us    when the charge is made; a balance that has expired by then is not touched
-- @return {[id] = decimal}: what each has afterwards
function balances.take(list, total, at_us, decimal, order)
  local zero <const> = decimal.new(0)
  local after, usable = {}, {}
  for _, balance in ipairs(list) do
    after[balance.id] = decimal.new(balance.amount)
    if order.is_usable(balance, at_us) then
      usable[#usable + 1] = balance
    end
  end
  if #usable == 0 then
    table.move(list, 1, #list, 1, usable)
  end
  table.sort(usable, order.before)
  for i, balance in ipairs(usable) do
    local has = after[balance.id]
    local taken = i == #usable and total or decimal.max(zero, decimal.min(has, total))
    after[balance.id] = has - taken
    total = total - taken
  end
  return after
end

return balances
