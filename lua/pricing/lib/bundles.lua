--- Free seconds (rating.md R12).
-- They are used by billed seconds, block by block. `split`: of a block partly covered the rest is charged pro rata;
-- `whole_block`: it is charged in full and the bundles keep what they have.
local bundles = {}

local function matches(bundle, digits, text)
  if bundle.prefix and not text.starts_with(digits, bundle.prefix) then
    return false
  end
  if bundle.prefixes == nil then
    return true
  end
  for _, prefix in ipairs(bundle.prefixes) do
    if text.starts_with(digits, prefix) then
      return true
    end
  end
  return false
end

--- Those that may pay for a call to `digits`, in the order of use: {{id, left, expires}, …}.
-- @param list   {{id, remaining_s, priority, expires = µs|nil, prefix = string|nil, prefixes = list|nil}, …}
function bundles.usable(list, digits, text, order)
  local usable = {}
  for _, bundle in ipairs(list) do
    if bundle.remaining_s > 0 and matches(bundle, digits, text) then
      usable[#usable + 1] = {
        id = bundle.id, left = bundle.remaining_s, expires = bundle.expires, priority = bundle.priority,
      }
    end
  end
  table.sort(usable, order.before)
  return usable
end

--- The first second of the call at which one of them is no longer usable.
function bundles.next_expiry_s(usable, answered_at, at_s)
  local at_us, first = answered_at + at_s * 1000000, math.maxinteger
  for _, bundle in ipairs(usable) do
    if bundle.left > 0 and bundle.expires and bundle.expires > at_us then
      first = math.min(first, (bundle.expires - answered_at + 999999) // 1000000)
    end
  end
  return first
end

--- Takes what covers a run of blocks and reports it piece by piece.
-- @param at_us      when the run starts; nothing expires inside it
-- @param took       function(id, from_s, seconds)
-- @return how many seconds of the run are free
function bundles.cover(usable, at_us, from_s, seconds, block_s, whole_block, order, took)
  local available = 0
  for _, bundle in ipairs(usable) do
    if order.is_usable(bundle, at_us) then
      available = available + bundle.left
    end
  end
  if whole_block then
    available = available // block_s * block_s
  end
  local free = math.min(available, seconds)
  local rest = free
  for _, bundle in ipairs(usable) do
    local taken = order.is_usable(bundle, at_us) and math.min(bundle.left, rest) or 0
    if taken > 0 then
      took(bundle.id, from_s + free - rest, taken)
      bundle.left = bundle.left - taken
      rest = rest - taken
    end
  end
  return free
end

--- What each of the list has left: {[id] = seconds}.
function bundles.left(list, usable)
  local left = {}
  for _, bundle in ipairs(list) do
    left[bundle.id] = bundle.remaining_s
  end
  for _, bundle in ipairs(usable) do
    left[bundle.id] = bundle.left
  end
  return left
end

return bundles
