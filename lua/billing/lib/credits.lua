--- Which credits pay for an invoice.
local credits = {}

local RANK <const> = { promotional = 1, credit_note = 2, prepaid = 3 }

--- Whether `a` is used before `b`: by priority (lower first), kind (what was given away first, what was paid for
-- last), expiry (sooner first, never last), id.
function credits.before(a, b)
  local a_priority, b_priority = a.priority or 0, b.priority or 0
  if a_priority ~= b_priority then
    return a_priority < b_priority
  elseif a.kind ~= b.kind then
    return RANK[a.kind] < RANK[b.kind]
  end
  local a_expires, b_expires = a.expires or math.maxinteger, b.expires or math.maxinteger
  if a_expires ~= b_expires then
    return a_expires < b_expires
  end
  return a.id < b.id
end

--- Those that may pay, in their order.
function credits.usable(list, currency, at_us, decimal)
  local usable = {}
  for _, credit in ipairs(list) do
    local stands = credit.expires == nil or credit.expires > at_us
    if stands and credit.currency == currency and decimal.cmp(credit.remaining, 0) > 0 then
      usable[#usable + 1] = credit
    end
  end
  table.sort(usable, credits.before)
  return usable
end

--- Takes from them until nothing is due.
-- @return {{id, amount}, …}, what is still due
function credits.take(usable, due, decimal)
  local applied, zero = {}, decimal.new(0)
  for _, credit in ipairs(usable) do
    if due <= zero then
      break
    end
    local amount = decimal.min(credit.remaining, due)
    applied[#applied + 1] = { id = credit.id, amount = amount }
    due = due - amount
  end
  return applied, due
end

return credits
