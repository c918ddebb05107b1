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

--- Each of some rows, as an array also where there are none.
---@param rows table[]
---@param show_one fun(row: any): any
---@return any[]
function show.each(rows, show_one)
  local list = tg.json.array({})
  for i, row in ipairs(rows) do
    list[i] = show_one(row)
  end
  return list
end

--- The lines of a rating: rows of a deck are counted from 1, in a line from 0.
---@param lines table[]? changed here
---@param meter string? for those that do not say theirs
---@return table[]
function show.lines(lines, meter)
  return show.each(lines or {}, function(line)
    line.row, line.meter = line.row and line.row + 1, line.meter or meter
    return line
  end)
end

--- A row of a rate deck.
---@param row table
---@return table
function show.rate(row)
  return {
    row = row.row_no, prefix = row.prefix, name = row.name, per_minute = tostring(row.per_minute),
    connect_fee = tostring(row.connect_fee), initial_seconds = row.initial_s, increment_seconds = row.increment_s,
    minimum_seconds = row.min_s, valid_from = show.time(row.valid_from), valid_to = show.time(row.valid_to),
    blocked = row.blocked, window = row.when_window ~= "" and row.when_window or tg.json.null,
    steps = show.or_null(row.steps),
  }
end

return show
