--- SQL of usage, which the ledger engine writes.
-- A list over many companies goes company by company, each newest first: that is the order of the index by_time, so
-- a page costs its own length and no sort, however much usage there is.
local store = {}

store.TOTALS_MAX = 60000 -- rows of a summary

local LIMIT_TOTALS <const> = " LIMIT " .. store.TOTALS_MAX

local USAGE <const> = [[
  SELECT u.id AS `id:usg`, u.company_id AS `company:co`, u.source, u.event_id, u.meter, u.event_time, u.received_at,
         u.quantity, u.call_id, u.cost_amount, u.cost_currency, u.properties, u.status, u.billed_s,
         u.amount, u.currency, u.rating AS `rating:json`, u.rule_bundle, u.deck_id AS `deck:deck`, u.deck_version,
         u.plan_id, u.entry_id AS `entry:ent`,
         (SELECT k.amount FROM usage_corrections k WHERE k.company_id = u.company_id AND k.usage_id = u.id
           ORDER BY k.seq DESC LIMIT 1) AS corrected,
         (SELECT k.currency FROM usage_corrections k WHERE k.company_id = u.company_id AND k.usage_id = u.id
           LIMIT 1) AS corrected_currency
    FROM company_tree t STRAIGHT_JOIN usage_events u ON u.company_id = t.descendant_id
   WHERE t.ancestor_id = {scope} ]]

local USAGE_FILTER <const> = [[
     AND ({meter} IS NULL OR u.meter = {meter}) AND ({status} IS NULL OR u.status = {status})
     AND ({source} IS NULL OR u.source = {source}) AND ({event_id} IS NULL OR u.event_id = {event_id})
     AND u.event_time >= {from:time} AND u.event_time < {to:time} ]]

-- Unpriced events count in the currency of their company.
local TOTALS <const> = [[
         COALESCE(u.currency, c.currency) AS currency, u.status, COUNT(*) AS events,
         CAST(COALESCE(SUM(u.billed_s), 0) AS SIGNED) AS billed_s, COALESCE(SUM(u.amount), 0) AS amount
    FROM company_tree t JOIN companies c ON c.id = t.descendant_id
    JOIN usage_events u ON u.company_id = t.descendant_id
   WHERE t.ancestor_id = {scope} AND ({company:id} IS NULL OR t.descendant_id = {company:id})
     AND ({meter} IS NULL OR u.meter = {meter}) AND ({source} IS NULL OR u.source = {source})
     AND u.event_time >= {from:time} AND u.event_time < {to:time} ]]

local sql <const> = tg.db.declare({
  usage = USAGE .. "AND u.id = {id:id}",
  plan = [[
    SELECT p.currency, p.timezone, p.country, p.pricing AS `pricing:json`
      FROM company_tree t JOIN call_plans p ON p.company_id = t.descendant_id
     WHERE t.ancestor_id = {scope} AND p.company_id = {company:id} AND p.id = {plan:hex}]],
  usage_of_company = USAGE .. "AND t.descendant_id = {company:id}" .. USAGE_FILTER .. [[
     AND ({before:time} IS NULL OR u.event_time < {before:time} OR u.id < {before_id:id})
   ORDER BY u.event_time DESC, u.id DESC LIMIT {limit}]],
  usage_by_key = USAGE .. "AND u.dedupe = {dedupe:hex}" .. USAGE_FILTER .. [[
     AND ({company:id} IS NULL OR t.descendant_id = {company:id})
     AND ({after:id} IS NULL OR t.descendant_id > {after:id})
   ORDER BY t.descendant_id LIMIT {limit}]],
  -- A scalar subquery, because an EXISTS may become a join over all usage.
  next_company_with_usage = [[
    SELECT t.descendant_id AS `company:co` FROM company_tree t
     WHERE t.ancestor_id = {scope} AND ({after:id} IS NULL OR t.descendant_id > {after:id})
       AND (SELECT 1 FROM usage_events u WHERE u.company_id = t.descendant_id
               AND u.event_time >= {from:time} AND u.event_time < {to:time} LIMIT 1) = 1
     ORDER BY t.descendant_id LIMIT 1]],
  count_below = [[
    SELECT COUNT(*) AS events
      FROM company_tree t JOIN company_tree b ON b.ancestor_id = t.descendant_id
      JOIN usage_events u ON u.company_id = b.descendant_id
     WHERE t.ancestor_id = {scope} AND t.descendant_id = {company:id}
       AND u.event_time >= {from:time} AND u.event_time < {to:time}]],
  totals_by_company = [[
    SELECT t.descendant_id AS `company:co`, c.name, c.external_ref,]] .. TOTALS .. [[
     GROUP BY t.descendant_id, COALESCE(u.currency, c.currency), u.status ORDER BY t.descendant_id]] .. LIMIT_TOTALS,
  totals_by_meter = "SELECT u.meter," .. TOTALS .. [[
     GROUP BY u.meter, COALESCE(u.currency, c.currency), u.status ORDER BY u.meter]] .. LIMIT_TOTALS,
  totals_by_day = "SELECT DATE_FORMAT(u.event_time, '%Y-%m-%d') AS day," .. TOTALS .. [[
     GROUP BY day, COALESCE(u.currency, c.currency), u.status ORDER BY day]] .. LIMIT_TOTALS,
})

local EARLIEST_US <const> = 0
local LATEST_US <const> = 253402300799999999 -- the last instant of 9999

function store.usage(id)
  return tg.db.one(sql.usage, { id = id })
end

--- The parameters that usage was priced by.
---@param plan_id string 16 bytes
---@return {currency: string, timezone: string, country: string?, pricing: table?}? plan, table? err
function store.plan(company, plan_id)
  return tg.db.one(sql.plan, { company = company, plan = tg.crypto.hex(plan_id) })
end

local function filter_args(filter)
  return {
    meter = filter.meter, status = filter.status, source = filter.source, event_id = filter.event_id,
    company = filter.company, from = filter.from or EARLIEST_US, to = filter.to or LATEST_US, limit = filter.limit,
  }
end

--- Usage of one company, newest first.
---@param filter table
---@param company string
---@param before {[1]: integer, [2]: string}? event_time and id of the last row shown
---@param limit integer
function store.usage_of_company(filter, company, before, limit)
  local args = filter_args(filter)
  args.company, args.limit = company, limit
  if before then
    args.before, args.before_id = before[1], before[2]
    args.to = math.min(args.to, before[1] + 1) -- so that the index is entered at the right place
  end
  return tg.db.query(sql.usage_of_company, args)
end

--- Usage with one (source, event_id): at most one row a company.
---@param after string? company
function store.usage_by_key(filter, after)
  local args = filter_args(filter)
  args.after = after
  args.dedupe = tg.crypto.hex(tg.crypto.sha256(filter.source .. "\0" .. filter.event_id):sub(1, 16))
  return tg.db.query(sql.usage_by_key, args)
end

--- The first company after `after` that has usage in the filter's time.
function store.next_company_with_usage(filter, after)
  local args = filter_args(filter)
  return tg.db.one(sql.next_company_with_usage, { after = after, from = args.from, to = args.to })
end

--- How many events a company and those below have in a time.
---@return integer? events, table? err
function store.count_below(company, from, to)
  local row, err = tg.db.one(sql.count_below, { company = company, from = from, to = to })
  return row and row.events, err
end

--- Sums by group, currency and status.
---@param group_by "company"|"meter"|"day"
function store.totals(group_by, filter)
  return tg.db.query(sql["totals_by_" .. group_by], filter_args(filter))
end

return store
