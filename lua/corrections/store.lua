--- SQL of corrections, and of the counters that they move.
local store = {}

local CORRECTION <const> = [[
  SELECT k.correction_id AS `id:cor`, k.company_id AS `company:co`, k.usage_id AS `usage:usg`, k.seq,
         k.call_id AS `call:call`, k.meter, k.quantity, k.properties AS `properties:json`, k.is_void AS `void:bool`,
         k.status, k.billed_s, k.amount_before, k.amount, k.currency, k.reversal AS `reversal:json`,
         k.rating AS `rating:json`, k.consumed AS `consumed:json`, k.entry_id AS `entry:ent`, k.reason, k.actor,
         k.created_at
    FROM company_tree t STRAIGHT_JOIN usage_corrections k ON k.company_id = t.descendant_id
   WHERE t.ancestor_id = {scope} AND t.descendant_id = {company:id} ]]
local IN_ORDER <const> = " ORDER BY k.created_at, k.correction_id, k.meter, k.usage_id"

local TOTALS <const> = [[
         k.currency, 'rated' AS status, 0 AS events,
         CAST(SUM(k.billed_s - k.billed_before) AS SIGNED) AS billed_s, SUM(k.amount - k.amount_before) AS amount
    FROM company_tree t JOIN companies c ON c.id = t.descendant_id
    JOIN usage_corrections k ON k.company_id = t.descendant_id
    JOIN usage_events u ON u.company_id = k.company_id AND u.id = k.usage_id
   WHERE t.ancestor_id = {scope} AND ({company:id} IS NULL OR t.descendant_id = {company:id})
     AND ({meter} IS NULL OR k.meter = {meter}) AND ({source} IS NULL OR u.source = {source})
     AND k.event_time >= {from:time} AND k.event_time < {to:time} ]]

local sql <const> = tg.db.declare({
  corrected_usage = [[
    SELECT u.id AS `id:usg`, u.company_id AS `company:co`, u.source, u.event_id, u.meter, u.event_time, u.quantity,
           u.call_id, u.cost_amount, u.cost_currency, u.properties, u.status, u.billed_s, u.amount, u.currency,
           u.rating AS `rating:json`, u.rule_bundle, u.deck_id AS `deck:deck`, u.deck_version, u.plan_id
      FROM company_tree t STRAIGHT_JOIN usage_events u ON u.company_id = t.descendant_id
     WHERE t.ancestor_id = {scope} AND u.id = {id:id}]],
  corrected_plan = [[
    SELECT p.currency, p.timezone, p.country, p.pricing AS `pricing:json`
      FROM company_tree t JOIN call_plans p ON p.company_id = t.descendant_id
     WHERE t.ancestor_id = {scope} AND p.company_id = {company:id} AND p.id = {plan:hex}]],
  -- EXISTS, not a join: FOR UPDATE would lock the row of the tree too, which others need to make companies.
  lock_purse = [[
    SELECT w.id AS `id:wal` FROM wallets w
     WHERE w.company_id = {company:id} AND w.currency = {currency}
       AND EXISTS (SELECT 1 FROM company_tree t WHERE t.ancestor_id = {scope} AND t.descendant_id = w.company_id)
       FOR UPDATE]],
  last_correction = CORRECTION .. "AND k.usage_id = {usage:id} ORDER BY k.seq DESC LIMIT 1",
  correction = CORRECTION .. "AND k.correction_id = {id:id}" .. IN_ORDER,
  corrections_of_call = CORRECTION .. "AND k.call_id = {call:id}" .. IN_ORDER,
  corrections_of_usage = CORRECTION .. "AND k.usage_id = {usage:id}" .. IN_ORDER,
  insert_correction = [[
    INSERT INTO usage_corrections (company_id, usage_id, seq, correction_id, call_id, event_time, meter, quantity,
                                   properties, is_void, status, billed_before, billed_s, amount_before, amount,
                                   currency, reversal, rating, consumed, entry_id, reason, actor, created_at)
    SELECT t.descendant_id, {usage:id}, {seq}, {id:id}, {call:id}, {event_time:time}, {meter}, {quantity},
           {properties}, {void}, {status}, {billed_before}, {billed_s}, {amount_before}, {amount},
           {currency}, {reversal:json}, {rating:json}, {consumed:json}, {entry:id}, {reason}, {actor}, {now:time}
      FROM company_tree t WHERE t.ancestor_id = {scope} AND t.descendant_id = {company:id}]],
  rating_state = [[
    SELECT r.counter_s, r.meters AS `meters:json` FROM rating_states r
     WHERE r.company_id = {company:id} AND r.period = {period}
       AND EXISTS (SELECT 1 FROM company_tree t WHERE t.ancestor_id = {scope} AND t.descendant_id = r.company_id)
       FOR UPDATE]],
  set_rating_state = [[
    UPDATE rating_states r JOIN company_tree t ON t.ancestor_id = {scope} AND t.descendant_id = r.company_id
       SET r.counter_s = {counter_s}, r.meters = {meters:json}
     WHERE r.company_id = {company:id} AND r.period = {period}]],
  allowance = [[
    SELECT a.granted_s, a.remaining_s FROM allowances a
     WHERE a.company_id = {company:id} AND a.id = {id:id}
       AND EXISTS (SELECT 1 FROM company_tree t WHERE t.ancestor_id = {scope} AND t.descendant_id = a.company_id)
       FOR UPDATE]],
  set_allowance = [[
    UPDATE allowances a JOIN company_tree t ON t.ancestor_id = {scope} AND t.descendant_id = a.company_id
       SET a.remaining_s = {remaining_s} WHERE a.company_id = {company:id} AND a.id = {id:id}]],
  corrections_by_company = [[
    SELECT t.descendant_id AS `company:co`, c.name, c.external_ref,]] .. TOTALS .. [[
     GROUP BY t.descendant_id, k.currency]],
  corrections_by_meter = "SELECT k.meter," .. TOTALS .. "GROUP BY k.meter, k.currency",
  corrections_by_day = "SELECT DATE_FORMAT(k.event_time, '%Y-%m-%d') AS day," .. TOTALS .. "GROUP BY day, k.currency",
})

--- An event of usage, own or below.
function store.usage(id)
  return tg.db.one(sql.corrected_usage, { id = id })
end

--- The parameters that it was priced by.
function store.plan(company, plan_id)
  return tg.db.one(sql.corrected_plan, { company = company, plan = tg.crypto.hex(plan_id) })
end

--- Locks a company's wallet: whoever rates or corrects its usage waits.
---@return {id: string}? row  nil, nil: it has none
function store.lock_wallet(tx, company, currency)
  return tx:one(sql.lock_purse, { company = company, currency = currency })
end

--- What holds of a usage that was corrected before.
function store.last(tx, company, usage)
  return tx:one(sql.last_correction, { company = company, usage = usage })
end

function store.insert(tx, row)
  return tx:execute(sql.insert_correction, row)
end

--- The rows of a correction.
function store.correction(tx, company, id)
  return tx:query(sql.correction, { company = company, id = id })
end

function store.of_call(company, call)
  return tg.db.query(sql.corrections_of_call, { company = company, call = call })
end

function store.of_usage(company, usage)
  return tg.db.query(sql.corrections_of_usage, { company = company, usage = usage })
end

--- Counters and memories of a period ("2026-07-01"), locked.
---@return {counter_s: integer, meters: table?}? row, table? err
function store.rating_state(tx, company, period)
  return tx:one(sql.rating_state, { company = company, period = period })
end

function store.set_rating_state(tx, company, period, state)
  return tx:execute(sql.set_rating_state, {
    company = company, period = period, counter_s = state.counter_s, meters = state.meters,
  })
end

--- An allowance, locked.
---@return {granted_s: integer, remaining_s: integer}? row, table? err
function store.allowance(tx, company, id)
  return tx:one(sql.allowance, { company = company, id = id })
end

function store.set_allowance(tx, company, id, remaining_s)
  return tx:execute(sql.set_allowance, { company = company, id = id, remaining_s = remaining_s })
end

--- What corrections change of the totals of usage: rows as charging.store.totals has them, with no events.
---@param group_by "company"|"meter"|"day"
---@param filter {company: string?, meter: string?, source: string?, from: integer, to: integer}
function store.totals(group_by, filter)
  return tg.db.query(sql["corrections_by_" .. group_by], {
    company = filter.company, meter = filter.meter, source = filter.source, from = filter.from, to = filter.to,
  })
end

return store
