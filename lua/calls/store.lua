--- SQL of live calls. The ledger engine writes them; here they are read, and marked to be stopped.
-- Ids begin with the time of the authorization: the order of (company, id) is that of time in each company.
local store = {}

local COLUMNS <const> = [[
         c.id AS `id:call`, c.company_id AS `company:co`, c.call_id, c.state, c.request AS `request:json`, c.opened_at,
         c.answered_at, c.closed_at, c.expires_at, c.seq, c.used_s, c.granted_s, c.held, c.debited, c.charge,
         c.overrun, c.currency, c.status, c.duration_ms, c.stop_reason, c.rule_bundle, c.deck_id AS `deck:deck`,
         c.deck_version, c.entry_id AS `entry:ent`,
         (SELECT SUM(k.amount - k.amount_before) FROM usage_corrections k
           WHERE k.company_id = c.company_id AND k.call_id = c.id) AS corrections ]]
local FROM <const> = [[
    FROM company_tree t STRAIGHT_JOIN calls c ON c.company_id = t.descendant_id
   WHERE t.ancestor_id = {scope} ]]
local CALL <const> = [[
  SELECT c.late_report AS `late_report:json`, c.late_difference, c.plan_id, c.settle_answer, ]] .. COLUMNS .. FROM

local FILTER <const> = [[
     AND c.id >= {from_id:id} AND c.opened_at >= {from:time} AND c.opened_at < {to:time}
     AND ({state} IS NULL OR c.state = {state})
     AND ({agent} IS NULL OR JSON_VALUE(c.request, '$.agent_id') = {agent})
     AND ({from_number} IS NULL OR JSON_VALUE(c.request, '$.from') = {from_number})
     AND ({to_number} IS NULL OR JSON_VALUE(c.request, '$.to') = {to_number}) ]]

local COUNTED <const> = "what nothing counts any more is of no use to any company"

local sql <const> = tg.db.declare({
  call = CALL .. "AND t.descendant_id = {company:id} AND c.call_key = {key:hex} AND c.call_id = {call_id}",
  call_by_id = CALL .. "AND c.id = {id:id}",
  calls_of_company = "SELECT" .. COLUMNS .. FROM .. "AND t.descendant_id = {company:id}" .. FILTER .. [[
     AND ({before:id} IS NULL OR c.id < {before:id})
   ORDER BY c.id DESC LIMIT {limit}]],
  -- The newest call of each company: one row of the key that is in the order of time.
  next_company_with_calls = [[
    SELECT t.descendant_id AS `company:co` FROM company_tree t
     WHERE t.ancestor_id = {scope} AND ({after:id} IS NULL OR t.descendant_id > {after:id})
       AND (SELECT c.id FROM calls c FORCE INDEX (PRIMARY) WHERE c.company_id = t.descendant_id
             ORDER BY c.id DESC LIMIT 1) >= {from_id:id}
     ORDER BY t.descendant_id LIMIT 1]],
  -- What is open is little beside what was: only that has an instant in the index `due`.
  open_calls = "SELECT" .. COLUMNS .. [[
    FROM calls c FORCE INDEX (due) JOIN company_tree t ON t.ancestor_id = {scope} AND t.descendant_id = c.company_id
   WHERE c.expires_at > '1970-01-01' AND ({company:id} IS NULL OR c.company_id = {company:id}) ]] .. FILTER .. [[
     AND ({after:id} IS NULL OR c.company_id > {after:id} OR (c.company_id = {after:id} AND c.id < {before:id}))
   ORDER BY c.company_id, c.id DESC LIMIT {limit}]],
  call_usage = [[
    SELECT u.id AS `id:usg`, u.meter, u.quantity, u.status, u.billed_s, u.amount, u.currency, u.cost_amount,
           u.cost_currency, u.rating AS `rating:json`
      FROM company_tree t
      JOIN JSON_TABLE({keys:json}, '$[*]' COLUMNS (place FOR ORDINALITY, dedupe CHAR(32) PATH '$')) k
      JOIN usage_events u ON u.company_id = t.descendant_id AND u.dedupe = UNHEX(k.dedupe)
     WHERE t.ancestor_id = {scope} AND t.descendant_id = {company:id}
     ORDER BY k.place]],
  call_debits = [[
    SELECT d.seq, d.amount, d.entry_id AS `entry:ent`, e.created_at
      FROM company_tree t JOIN call_debits d ON d.company_id = t.descendant_id
      JOIN ledger_entries e ON e.company_id = d.company_id AND e.id = d.entry_id
     WHERE t.ancestor_id = {scope} AND d.call_id = {id:id} ORDER BY d.seq]],
  call_plan = [[
    SELECT p.currency, p.timezone, p.country, p.pricing AS `pricing:json`
      FROM company_tree t JOIN call_plans p ON p.company_id = t.descendant_id
     WHERE t.ancestor_id = {scope} AND p.company_id = {company:id} AND p.id = {plan:hex}]],
  stop_call = [[
    UPDATE calls c JOIN company_tree t ON t.ancestor_id = {scope} AND t.descendant_id = c.company_id
       SET c.stop_reason = {reason}, c.version = c.version + 1
     WHERE c.id = {id:id} AND c.company_id = {company:id} AND c.state = 'open' AND c.stop_reason IS NULL]],
  due_calls = {
    unscoped = "whoever's they are, calls that nobody has settled come to an end",
    sql = [[
      SELECT company_id AS `company:co`, id AS `id:call`, call_id, expires_at FROM calls FORCE INDEX (due)
       WHERE expires_at <= {now:time} AND expires_at >= {from:time}
         AND (expires_at > {from:time} OR (company_id, id) > ({company:id}, {id:id}))
       ORDER BY expires_at, company_id, id LIMIT {limit}]],
  },
  purge_minutes = {
    unscoped = COUNTED,
    sql = "DELETE FROM call_counters WHERE minute > 0 AND minute < {before} LIMIT {limit}",
  },
  -- Looked for without locks: calls begin and end meanwhile.
  idle_counters = {
    unscoped = COUNTED,
    sql = "SELECT HEX(company_id) AS company, HEX(counter) AS counter FROM call_counters WHERE minute = 0 AND n = 0"
      .. " LIMIT {limit}",
  },
  drop_idle_counters = {
    unscoped = COUNTED,
    sql = [[
      DELETE n FROM JSON_TABLE({keys:json}, '$[*]' COLUMNS (company CHAR(32) PATH '$.company',
                                                            counter CHAR(32) PATH '$.counter')) k
       STRAIGHT_JOIN call_counters n ON n.company_id = UNHEX(k.company) AND n.counter = UNHEX(k.counter)
       WHERE n.minute = 0 AND n.n = 0]],
  },
})

local EARLIEST_US <const> = 0
local LATEST_US <const> = 253402300799999999 -- the last instant of 9999
local NO_COMPANY <const>, NO_CALL <const> = tg.id.format(("\0"):rep(16), "co"), tg.id.format(("\0"):rep(16), "call")
local CLOCKS_US <const> = 60 * 1000000 -- an id's time may be so far from opened_at

--- The first 16 bytes of a hash, as hex.
local function key_of(text)
  return tg.crypto.hex(tg.crypto.sha256(text):sub(1, 16))
end

-- The first id of a millisecond.
local function id_at(us)
  return tg.id.format(string.pack(">I6", math.max(us, 0) // 1000) .. ("\0"):rep(10), "call")
end

local function filter_args(filter, limit)
  local from <const> = filter.from or EARLIEST_US
  return {
    state = filter.state, agent = filter.agent_id, from_number = filter.from_number, to_number = filter.to_number,
    from = from, from_id = id_at(from - CLOCKS_US), to = filter.to or LATEST_US, limit = limit,
  }
end

--- A call by the name that its company's gateway gave it.
---@return table? row, table? err  nil, nil: none that the caller may see
function store.call(company, call_id)
  return tg.db.one(sql.call, { company = company, call_id = call_id, key = key_of(call_id) })
end

--- A call by our id.
function store.call_by_id(id)
  return tg.db.one(sql.call_by_id, { id = id })
end

--- Calls of one company, newest first.
---@param before string? id of the last row shown
function store.calls_of_company(filter, company, before, limit)
  local args = filter_args(filter, limit)
  args.company, args.before = company, before
  return tg.db.query(sql.calls_of_company, args)
end

--- Calls under way, company by company, each newest first.
---@param after {[1]: string, [2]: string}? company and id of the last row shown
function store.open_calls(filter, after, limit)
  local args = filter_args(filter, limit)
  args.company, args.after, args.before = filter.company, after and after[1], after and after[2]
  return tg.db.query(sql.open_calls, args)
end

--- The first company after `after` that has calls since the filter's time.
function store.next_company_with_calls(filter, after)
  return tg.db.one(sql.next_company_with_calls, {
    after = after, from_id = id_at((filter.from or EARLIEST_US) - CLOCKS_US),
  })
end

--- What a call has used, a row a meter, in the order of the meters.
function store.usage(company, id, meters)
  local keys = tg.json.array({})
  for i, meter in ipairs(meters) do
    keys[i] = key_of(("tollgate\0%s/%s"):format(id, meter))
  end
  return tg.db.query(sql.call_usage, { company = company, keys = keys })
end

--- What renewals have charged.
function store.debits(id)
  return tg.db.query(sql.call_debits, { id = id })
end

--- The parameters that a call was priced with.
function store.plan(company, plan_id)
  return tg.db.one(sql.call_plan, { company = company, plan = tg.crypto.hex(plan_id) })
end

--- Marks a call to be ended at its next renewal.
---@return integer? changed 0: it is closed, or was marked before, table? err
function store.stop(tx, call, reason)
  return tx:execute(sql.stop_call, { company = call.company, id = call.id, reason = reason })
end

--- Calls that have come to their end, the longest due first.
---@param after {expires_at: integer, company: string, id: string}? the last that was looked at
---@return {company: string, id: string, call_id: string, expires_at: integer}[]? rows, table? err
function store.due(now, after, limit)
  return tg.db.query(sql.due_calls, {
    now = now, from = after and after.expires_at or EARLIEST_US, company = after and after.company or NO_COMPANY,
    id = after and after.id or NO_CALL, limit = limit,
  })
end

--- Forgets calls that began before a minute (since 1970), and numbers and agents without any call.
---@return true? done, table? err
function store.purge_counters(before, limit)
  local done, err = tg.db.execute(sql.purge_minutes, { before = before, limit = limit })
  local idle
  if done then
    idle, err = tg.db.query(sql.idle_counters, { limit = limit })
  end
  if idle and idle[1] then
    done, err = tg.db.execute(sql.drop_idle_counters, { keys = tg.json.array(idle) })
  end
  return not err and done ~= nil or nil, err
end

return store
