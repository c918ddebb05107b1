--- Corrections as answers show them.
local show = require("core.show")

local show_corrections = {}

local function show_usage(row)
  return {
    usage = row.usage, meter = row.meter, quantity = tostring(row.quantity), status = row.status,
    billed_seconds = row.billed_s, before = show.money(row.amount_before, row.currency),
    amount = show.money(row.amount, row.currency), reversal = show.lines(row.reversal, row.meter),
    lines = show.lines(row.rating.lines, row.meter),
  }
end

--- One correction.
---@param rows table[] its rows, one a meter
---@return table
function show_corrections.one(rows)
  local first, net, usage = rows[1], tg.decimal.new(0), tg.json.array({})
  for i, row in ipairs(rows) do
    net, usage[i] = net + row.amount - row.amount_before, show_usage(row)
  end
  return {
    id = first.id, company = first.company, call = show.or_null(first.call), reason = first.reason,
    actor = first.actor, void = first.void, created_at = show.time(first.created_at), entry = show.or_null(first.entry),
    net = show.money(net, first.currency), usage = usage,
  }
end

--- Several, as their rows come, those of one together.
---@param rows table[]
---@return table[]
function show_corrections.all(rows)
  local groups = {}
  for _, row in ipairs(rows) do
    local last = groups[#groups]
    if last and last[1].id == row.id then
      last[#last + 1] = row
    else
      groups[#groups + 1] = { row }
    end
  end
  return show.each(groups, show_corrections.one)
end

return show_corrections
