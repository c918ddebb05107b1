--- SQL of approvals. They are decided in the company that they were asked for in, by people who act for it.
local store = {}

local SYSTEM <const> = "approvals of all companies expire by one clock"

local WHO <const> = "whoever asks or approves may be of a company above, acting for this one"

local ROW <const> = [[
  SELECT a.id AS `id:apv`, a.company_id AS `company:co`, a.operation, a.flow, a.object, a.input AS `input:json`,
         a.state, a.proposer, a.decider, a.result AS `result:json`, a.created_at, a.expires_at, a.decided_at
    FROM approvals a ]]

local sql <const> = tg.db.declare({
  approval = ROW .. "WHERE a.company_id = {scope} AND a.id = {id:id}",
  approvals = ROW .. [[
   WHERE a.company_id = {scope} AND ({after:id} IS NULL OR a.id < {after:id}) AND ({state} IS NULL OR a.state = {state})
   ORDER BY a.id DESC LIMIT {limit}]],
  waiting_approvals = ROW .. [[
   WHERE a.company_id = {scope} AND a.state = 'waiting' AND a.operation = {operation} AND a.object = {object}
     AND a.proposer = {proposer} AND a.expires_at > {now:time} LIMIT 20]],
  insert_approval = [[
    INSERT INTO approvals (company_id, id, operation, flow, object, input, state, proposer, created_at, expires_at)
    VALUES ({scope}, {id:id}, {operation}, {flow}, {object}, {input:json}, 'waiting', {proposer}, {now:time},
            {expires_at:time})]],
  decide_approval = [[
    UPDATE approvals SET state = {state}, decider = {decider}, result = {result:json}, decided_at = {now:time}
     WHERE company_id = {scope} AND id = {id:id} AND state = 'waiting']],
  living_user = {
    unscoped = WHO,
    sql = [[
      SELECT u.id AS `id:usr` FROM users u JOIN companies c ON c.id = u.company_id
       WHERE u.id = {id:id} AND u.status = 'active' AND c.status = 'active']],
  },
  living_key = {
    unscoped = WHO,
    sql = [[
      SELECT k.permissions AS `permissions:json` FROM api_keys k JOIN companies c ON c.id = k.company_id
       WHERE k.id = {id:id} AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > {now:time})
         AND c.status = 'active']],
  },
  expired_approvals = {
    unscoped = SYSTEM,
    sql = ROW .. [[
      WHERE a.state = 'waiting' AND a.expires_at <= {now:time}
      ORDER BY a.expires_at LIMIT {limit} FOR UPDATE SKIP LOCKED]],
  },
  expire_approval = {
    unscoped = SYSTEM,
    sql = [[
      UPDATE approvals SET state = 'expired', decided_at = {now:time}
       WHERE company_id = {company:id} AND id = {id:id} AND state = 'waiting']],
  },
})

function store.approval(id, tx)
  if tx then
    return tx:one(sql.approval, { id = id })
  end
  return tg.db.one(sql.approval, { id = id })
end

--- The newest first.
function store.approvals(filter)
  return tg.db.query(sql.approvals, {
    after = filter.after and filter.after[1], state = filter.state, limit = filter.limit,
  })
end

--- What the proposer has asked for already, of this object.
function store.waiting(proposal, proposer, now)
  return tg.db.query(sql.waiting_approvals, {
    operation = proposal.operation, object = proposal.object, proposer = proposer, now = now,
  })
end

function store.insert(tx, row)
  return tx:execute(sql.insert_approval, row)
end

---@return integer? changed 0: it was decided already; table? err
function store.decide(tx, decision)
  return tx:execute(sql.decide_approval, decision)
end

--- May the user still do anything?
function store.living_user(id)
  return tg.db.one(sql.living_user, { id = id })
end

function store.living_key(id, now)
  return tg.db.one(sql.living_key, { id = id, now = now })
end

--- Those whose time is over, locked.
function store.expired(tx, now, limit)
  return tx:query(sql.expired_approvals, { now = now, limit = limit })
end

function store.expire(tx, row, now)
  return tx:execute(sql.expire_approval, { company = row.company, id = row.id, now = now })
end

return store
