--- Usage and what it cost.
local catalog = require("catalog.service")
local corrections = require("corrections.service")
local errors = require("core.errors")
local explain = require("charging.explain")
local identity = require("identity.service")
local replay = require("charging.replay")
local schema = require("charging.schema")
local store = require("charging.store")
local walk = require("core.walk")

local service = {}

local SUMMARY_DAYS_MAX <const> = 366
local DAY_US <const> = 86400 * 1000000

--- Takes a body of events in: parsed off the loop, then rated, charged and made durable by the ledger engine.
---@param bytes userdata tg.bytes
---@param idempotency_key string?
---@return table? answer {accepted, duplicates, rejected, outcomes}
---@return boolean|table is_replay_or_err
function service.ingest(bytes, idempotency_key)
  return tg.usage.ingest(bytes, { idempotency_key = idempotency_key })
end

-- The place "after everything of this company": no event is older or has a smaller id.
local function end_of(company)
  return { company, 0, tg.id.format(("\0"):rep(16), "usg") }
end

--- A list of usage: company by company, newest first in each.
---@param filter table clean query, limit one more than the page shows
---@return table[]? rows, table? err, table? stopped_at where to go on although the page is not full
function service.usage_list(filter)
  if filter.from and filter.to and filter.from >= filter.to then
    return nil, errors.input("?to", "must be after from")
  end
  if filter.event_id and filter.source then
    return store.usage_by_key(filter, filter.after and filter.after[1])
  elseif filter.company then
    local before = filter.after and { filter.after[2], filter.after[3] }
    return store.usage_of_company(filter, filter.company, before, filter.limit)
  end
  local rows, err, company = walk.rows(filter.after, filter.limit, function(after)
    return store.next_company_with_usage(filter, after)
  end, function(of, before, limit)
    return store.usage_of_company(filter, of, before, limit)
  end)
  return rows, err, company and end_of(company)
end

local function zero_counts()
  local counts = {}
  for _, status in ipairs(schema.STATUSES) do
    counts[status] = 0
  end
  return counts
end

local function add(group, row)
  group.events = group.events + row.events
  group.counts[row.status] = group.counts[row.status] + row.events
  group.billed_s = group.billed_s + row.billed_s
  group.amount = group.amount + row.amount
end

local function new_group(row)
  return {
    company = row.company, name = row.name, external_ref = row.external_ref, meter = row.meter, day = row.day,
    currency = row.currency, events = 0, counts = zero_counts(), billed_s = 0, amount = tg.decimal.new(0),
  }
end

-- Rows by (group, currency, status) become groups by (group, currency), and totals by currency.
local function fold(rows, group_by)
  local groups, totals, by_key = {}, {}, {}
  for _, row in ipairs(rows) do
    for list, key in pairs({ [groups] = row[group_by] .. "\0" .. row.currency, [totals] = row.currency }) do
      local group = by_key[key]
      if not group then
        group = new_group(list == groups and row or { currency = row.currency })
        by_key[key] = group
        list[#list + 1] = group
      end
      add(group, row)
    end
  end
  return groups, totals
end

--- Totals of usage, own and below, exact to the last digit.
---@return {groups: table[], totals: table[], group_by: string, from: integer, to: integer}? summary, table? err
function service.usage_summary(filter)
  local to = filter.to or tg.time.now()
  local from = filter.from or math.max(to - 31 * DAY_US, 0)
  if from >= to then
    return nil, errors.input("?to", "must be after from")
  elseif to - from > SUMMARY_DAYS_MAX * DAY_US then
    return nil, errors.input("?from", ("must be at most %d days before to"):format(SUMMARY_DAYS_MAX))
  end
  filter.from, filter.to = from, to
  local group_by = filter.group_by or "company"
  local rows, err = store.totals(group_by, filter)
  if not rows then
    return nil, err
  elseif #rows == store.TOTALS_MAX then -- what is behind would be missing in the totals
    return nil, errors.refused("too_many_groups", "There are too many groups: ask for less time, or for one company.")
  end
  local corrected
  corrected, err = corrections.totals(group_by, filter)
  if not corrected then
    return nil, err
  end
  table.move(corrected, 1, #corrected, #rows + 1, rows)
  local groups, totals = fold(rows, group_by)
  return { groups = groups, totals = totals, group_by = group_by, from = from, to = to }
end

--- How many events a company and those below have in a time.
---@return integer? events, table? err
function service.count_below(company, from, to)
  return store.count_below(company, from, to)
end

-- The deck rows that the lines name: what was multiplied, and in which steps. A line counts rows from 0.
local function rates_of(row)
  local numbers, seen = {}, {}
  for _, line in ipairs(row.rating and row.rating.lines or {}) do
    if line.row and not seen[line.row] then
      seen[line.row] = true
      numbers[#numbers + 1] = line.row + 1
    end
  end
  if not row.deck or not numbers[1] then
    return {}
  end
  return catalog.rates_charged(row.deck, row.deck_version, numbers)
end

-- The parameters that priced the event; those of today where it was stored without.
local function plan_of(row)
  if row.plan_id then
    return store.plan(row.company, row.plan_id)
  end
  return identity.company(row.company)
end

--- How one event was rated.
---@return table? explained {row, rates, arithmetic, agrees, replayed, corrections}, table? err
function service.explain(id)
  local row, err = store.usage(id)
  if err then
    return nil, err
  end
  if not row then
    return nil, errors.not_found("usage event")
  end
  local rates
  rates, err = rates_of(row)
  if not rates then
    return nil, err
  end
  local plan
  plan, err = plan_of(row)
  if not plan then
    return nil, err or errors.not_found("plan of the usage")
  end
  local corrected
  corrected, err = corrections.of_usage(row.company, row.id)
  if not corrected then
    return nil, err
  end
  local why = explain.row(row)
  return {
    row = row, rates = rates, arithmetic = why.arithmetic, agrees = why.agrees, replayed = replay.run(row, plan),
    corrections = corrected,
  }
end

return service
