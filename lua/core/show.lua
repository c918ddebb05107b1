--- Small helpers for writing rows as JSON.
local show = {}

--- nil becomes null, so that a field is always there.
---@param value any
---@return any
function show.or_null(value)
  if value == nil then
    return tg.json.null
  end
  return value
end

--- Microseconds since 1970 as RFC 3339; nil becomes null.
---@param us integer?
---@return any
function show.time(us)
  return us and tg.time.format(us) or tg.json.null
end

--- Money as the API writes it: major units, a string, shortest. No amount, no object.
---@param amount decimal?
---@param currency string?
---@return any
function show.money(amount, currency)
  if amount == nil or currency == nil then
    return tg.json.null
  end
  return { amount = tostring(amount), currency = currency }
end

return show
