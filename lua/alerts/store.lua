--- SQL of alerts.
local store = {}

local RAISED <const> = "raised in the transaction of what it tells of, for the company that it happened to"

local ROW <const> = [[
  SELECT a.id AS `id:alr`, a.company_id AS `company:co`, a.kind, a.object, a.severity, a.state, a.text,
         a.data AS `data:json`, a.version, a.raised_at, a.acknowledged_at, a.acknowledged_by, a.cleared_at
    FROM company_tree t JOIN alerts a ON a.company_id = t.descendant_id
   WHERE t.ancestor_id = {scope} ]]

local sql <const> = tg.db.declare({
  alert = ROW .. "AND a.id = {id:id}",
  alerts = ROW .. [[
     AND ({state} IS NULL OR a.state = {state}) AND ({kind} IS NULL OR a.kind = {kind})
     AND ({object} IS NULL OR a.object = {object}) AND ({company:id} IS NULL OR a.company_id = {company:id})
     AND ({after:id} IS NULL OR a.id < {after:id})
   ORDER BY a.id DESC LIMIT {limit}]],
  insert_alert = {
    unscoped = RAISED,
    sql = [[
      INSERT INTO alerts (company_id, id, kind, object, open_key, severity, state, text, data, raised_at)
      VALUES ({company:id}, {id:id}, {kind}, {object}, {open_key:hex}, {severity}, 'open', {text}, {data:json},
              {now:time})]],
  },
  open_alert = {
    unscoped = RAISED,
    sql = [[
      SELECT id AS `id:alr`, version FROM alerts WHERE company_id = {company:id} AND open_key = {open_key:hex}
         FOR UPDATE]],
  },
  clear_alert = {
    unscoped = RAISED,
    sql = [[
      UPDATE alerts SET state = 'cleared', open_key = NULL, version = version + 1, cleared_at = {now:time}
       WHERE company_id = {company:id} AND id = {id:id}]],
  },
  acknowledge_alert = [[
    UPDATE alerts a JOIN company_tree t ON t.ancestor_id = {scope} AND t.descendant_id = a.company_id
       SET a.state = 'acknowledged', a.version = a.version + 1, a.acknowledged_at = {now:time},
           a.acknowledged_by = {actor}
     WHERE a.id = {id:id} AND a.state = 'open']],
})

-- Until an alert is cleared there is no second of the same.
local function open_key(alert)
  return tg.crypto.hex(tg.crypto.sha256(alert.kind .. "\0" .. alert.object):sub(1, 16))
end

function store.alert(id, tx)
  if tx then
    return tx:one(sql.alert, { id = id })
  end
  return tg.db.one(sql.alert, { id = id })
end

--- The newest first.
function store.alerts(filter)
  return tg.db.query(sql.alerts, {
    state = filter.state, kind = filter.kind, object = filter.object, company = filter.company,
    after = filter.after and filter.after[1], limit = filter.limit,
  })
end

---@param alert table with company, id, kind, object, severity, text, data, now
function store.insert(tx, alert)
  alert.open_key = open_key(alert)
  return tx:execute(sql.insert_alert, alert)
end

--- The one that is not cleared, locked.
function store.open(tx, alert)
  return tx:one(sql.open_alert, { company = alert.company, open_key = open_key(alert) })
end

function store.clear(tx, company, id, now)
  return tx:execute(sql.clear_alert, { company = company, id = id, now = now })
end

---@return integer? changed 0: it was not open; table? err
function store.acknowledge(tx, id, actor, now)
  return tx:execute(sql.acknowledge_alert, { id = id, actor = actor, now = now })
end

return store
