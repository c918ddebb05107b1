--- In which order stores of value are used: bundles of free seconds and balances of money (rating.md R12, R14).
local order = {}

--- Whether `a` is used before `b`: by priority (lower first), expiry (sooner first, none last), id.
function order.before(a, b)
  local a_priority, b_priority = a.priority or 0, b.priority or 0
  if a_priority ~= b_priority then
    return a_priority < b_priority
  end
  local a_expires, b_expires = a.expires or math.maxinteger, b.expires or math.maxinteger
  if a_expires ~= b_expires then
    return a_expires < b_expires
  end
  return a.id < b.id
end

--- Whether it still stands at an instant.
-- @param store  {expires = µs|nil}
function order.is_usable(store, at_us)
  return store.expires == nil or store.expires > at_us
end

return order
