--- SQL of the audit log. Nothing is ever changed here; lua/chains seals it.
local store = {}

local WRITER <const> = "of the company that acts; where somebody signs in only the code knows which that is"

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

return store
