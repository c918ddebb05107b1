--- SQL of the audit log and of its chain. Nothing is ever changed here.
local store = {}

local WRITER <const> = "of the company that acts; where somebody signs in only the code knows which that is"
local SYSTEM <const> = "the log of all companies is sealed by one system"

local ROW <const> = [[
  SELECT a.id AS `id:aud`, a.company_id AS `company:co`, a.at, a.actor, a.session_id AS `session:ses`, a.address,
         a.request_id, a.action, a.object, a.outcome, a.before_state AS `before:json`, a.after_state AS `after:json`
    FROM company_tree t JOIN audit_log a ON a.company_id = t.descendant_id
   WHERE t.ancestor_id = {scope} ]]

local sql <const> = tg.db.declare({
  record_audit = {
    unscoped = WRITER,
    sql = [[
      INSERT INTO audit_log (company_id, id, at, actor, session_id, address, request_id, action, object, outcome,
                             before_state, after_state)
      VALUES ({company:id}, {id:id}, {now:time}, {actor}, {session:id}, {address}, {request}, {action}, {object},
              'done', {before:json}, {after:json})]],
  },
  -- Of somebody unknown it is the business of the company whose user they claim to be, else of the first platform.
  record_refused = {
    unscoped = WRITER,
    sql = [[
      INSERT INTO audit_log (company_id, id, at, actor, session_id, address, request_id, action, object, outcome,
                             before_state, after_state)
      SELECT COALESCE({company:id}, (SELECT u.company_id FROM users u WHERE u.id = {user:id}),
                      (SELECT u.company_id FROM users u WHERE u.email_folded = {object}),
                      (SELECT MIN(c.id) FROM companies c WHERE c.parent_id IS NULL)),
             {id:id}, {now:time}, {actor}, NULL, {address}, {request}, {action}, {object}, 'refused', NULL,
             {after:json}]],
  },
  audit_row = ROW .. "AND a.id = {id:id}",
  audit_rows = ROW .. [[
     AND ({company:id} IS NULL OR a.company_id = {company:id}) AND ({actor} IS NULL OR a.actor = {actor})
     AND ({action} IS NULL OR a.action = {action}) AND ({object} IS NULL OR a.object = {object})
     AND ({outcome} IS NULL OR a.outcome = {outcome}) AND ({after:id} IS NULL OR a.id < {after:id})
     AND ({from:id} IS NULL OR a.id >= {from:id}) AND ({to:id} IS NULL OR a.id < {to:id})
   ORDER BY a.id DESC LIMIT {limit}]],

  -- Both sides are read from the ends of an index, a company at a time.
  unsealed_companies = {
    unscoped = SYSTEM,
    sql = [[
      SELECT g.company_id AS `company:co`
        FROM (SELECT company_id, MAX(id) AS last_id FROM audit_log GROUP BY company_id) g
        LEFT JOIN (SELECT company_id, MAX(last_id) AS last_id FROM audit_chain GROUP BY company_id) c
               ON c.company_id = g.company_id
       WHERE c.last_id IS NULL OR c.last_id < g.last_id
       ORDER BY c.last_id LIMIT {limit}]],
  },
  last_link = {
    unscoped = SYSTEM,
    sql = [[
      SELECT seq, last_id AS `last:aud`, hash FROM audit_chain WHERE company_id = {company:id}
       ORDER BY seq DESC LIMIT 1]],
  },
  -- Waits for whoever has written a row there and not committed: what is sealed has nothing missing.
  rows_to_seal = {
    unscoped = SYSTEM,
    sql = [[
      SELECT HEX(company_id) AS company, id AS `last:aud`, HEX(id) AS id, CAST(at AS CHAR) AS at, actor,
             HEX(session_id) AS session, address, request_id, action, object, outcome, before_state AS `before`,
             after_state AS `after`
        FROM audit_log
       WHERE company_id = {company:id} AND ({after:id} IS NULL OR id > {after:id}) AND id < {to:id}
       ORDER BY id LIMIT {limit} LOCK IN SHARE MODE]],
  },
  insert_link = {
    unscoped = SYSTEM,
    sql = [[
      INSERT INTO audit_chain (company_id, seq, first_id, last_id, n, hash, at)
      VALUES ({company:id}, {seq}, {first:id}, {last:id}, {n}, {hash:hex}, {now:time})]],
  },
})

--- Writes a row, in a transaction or alone.
function store.record(tx, row)
  if tx then
    return tx:execute(sql.record_audit, row)
  end
  return tg.db.execute(sql.record_audit, row)
end

function store.record_refused(row)
  return tg.db.execute(sql.record_refused, row)
end

function store.row(id)
  return tg.db.one(sql.audit_row, { id = id })
end

--- The newest first.
function store.rows(filter)
  return tg.db.query(sql.audit_rows, filter)
end

--- Companies with rows behind their last link, who has waited longest first.
---@return {company: string}[]? rows, table? err
function store.unsealed_companies(limit)
  return tg.db.query(sql.unsealed_companies, { limit = limit })
end

function store.last_link(tx, company)
  return tx:one(sql.last_link, { company = company })
end

---@param after string? aud_…, sealed already
---@param to string aud_…, the first that is too young
function store.rows_to_seal(tx, company, after, to, limit)
  return tx:query(sql.rows_to_seal, { company = company, after = after, to = to, limit = limit })
end

function store.insert_link(tx, link)
  return tx:execute(sql.insert_link, link)
end

return store
