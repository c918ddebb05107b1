--- The tables `jobs` and `cron`.
-- A job is claimed under a lease. While it runs, run_at is the end of the lease: the index (state, run_at) then finds
-- what may be taken, ready or left behind by a worker that died. lease_token tells the present holder from a late one.
local store = {}

local SYSTEM <const> = "jobs of all companies are run by one system"

local sql = tg.db.declare({
  insert = {
    unscoped = SYSTEM,
    sql = [[
      INSERT INTO jobs (id, company_id, handler, arguments, unique_key, state, run_at, attempts_max,
                        created_at, updated_at)
      VALUES ({id:id}, {company:id}, {handler}, {arguments:json}, {unique_key}, 'ready', {run_at:time}, {attempts_max},
              {now:time}, {now:time})]],
  },
  take_ready = {
    unscoped = SYSTEM,
    sql = [[
      SELECT id AS `id:job`, company_id AS `company:co`, handler, arguments AS `arguments:json`, attempts, attempts_max
      FROM jobs WHERE state = 'ready' AND run_at <= {now:time}
      ORDER BY run_at LIMIT 1 FOR UPDATE SKIP LOCKED]],
  },
  take_abandoned = {
    unscoped = SYSTEM,
    sql = [[
      SELECT id AS `id:job`, company_id AS `company:co`, handler, arguments AS `arguments:json`, attempts, attempts_max
      FROM jobs WHERE state = 'running' AND run_at <= {now:time}
      ORDER BY run_at LIMIT 1 FOR UPDATE SKIP LOCKED]],
  },
  claim = {
    unscoped = SYSTEM,
    sql = [[
      UPDATE jobs SET state = 'running', attempts = attempts + 1, lease_token = {token:hex}, lease_until = {until:time},
             run_at = {until:time}, updated_at = {now:time}
      WHERE id = {id:id}]],
  },
  finish = {
    unscoped = SYSTEM,
    sql = [[
      UPDATE jobs SET state = 'done', unique_key = NULL, lease_token = NULL, lease_until = NULL, last_error = NULL,
             run_at = {now:time}, updated_at = {now:time}
      WHERE id = {id:id} AND lease_token = {token:hex}]],
  },
  drop = {
    unscoped = SYSTEM,
    sql = "DELETE FROM jobs WHERE id = {id:id} AND lease_token = {token:hex}",
  },
  retry = {
    unscoped = SYSTEM,
    sql = [[
      UPDATE jobs SET state = 'ready', lease_token = NULL, lease_until = NULL, last_error = {error},
             run_at = {run_at:time}, updated_at = {now:time}
      WHERE id = {id:id} AND lease_token = {token:hex}]],
  },
  give_up = {
    unscoped = SYSTEM,
    sql = [[
      UPDATE jobs SET state = 'dead', unique_key = NULL, lease_token = NULL, lease_until = NULL, last_error = {error},
             updated_at = {now:time}
      WHERE id = {id:id} AND lease_token = {token:hex}]],
  },
  free_key = { unscoped = SYSTEM, sql = "UPDATE jobs SET unique_key = NULL WHERE id = {id:id}" },
  delete_done = {
    unscoped = SYSTEM,
    sql = "DELETE FROM jobs WHERE state = 'done' AND run_at < {before:time} ORDER BY run_at LIMIT {limit}",
  },
  keep_schedule = {
    unscoped = SYSTEM,
    sql = [[
      INSERT INTO cron (name, handler, every_s, next_run_at) VALUES ({name}, {handler}, {every_s}, {now:time})
      ON DUPLICATE KEY UPDATE handler = VALUES(handler), every_s = VALUES(every_s)]],
  },
  due_schedules = {
    unscoped = SYSTEM,
    sql = [[
      SELECT name, handler, every_s, next_run_at AS slot FROM cron WHERE next_run_at <= {now:time}
      ORDER BY next_run_at LIMIT 20 FOR UPDATE SKIP LOCKED]],
  },
  move_schedule = {
    unscoped = SYSTEM,
    sql = "UPDATE cron SET next_run_at = {next:time}, last_run_at = {slot:time} WHERE name = {name}",
  },
})

--- Adds a job; false when a live one has its unique_key.
-- @param db  a transaction, or nil for one statement of its own
function store.insert(db, job)
  local affected, err
  if db then
    affected, err = db:execute(sql.insert, job)
  else
    affected, err = tg.db.execute(sql.insert, job)
  end
  if affected then
    return true
  elseif err.native == 1062 then
    return false
  end
  return nil, err
end

--- Takes one job that may run now, under the lease; false when there is none.
function store.claim(now, lease_until, token)
  return tg.db.transaction(function(tx)
    local job, err = tx:one(sql.take_ready, { now = now })
    if not job and not err then
      job, err = tx:one(sql.take_abandoned, { now = now })
    end
    if err then
      return nil, err
    elseif not job then
      return false
    end
    local claimed
    claimed, err = tx:execute(sql.claim, { id = job.id, token = token, ["until"] = lease_until, now = now })
    if not claimed then
      return nil, err
    end
    job.attempts = job.attempts + 1
    return job
  end)
end

function store.free_key(tx, id)
  return tx:execute(sql.free_key, { id = id })
end

--- Each answers how many rows it changed: 0 when the lease is another's by now.
function store.finish(id, token, now)
  return tg.db.execute(sql.finish, { id = id, token = token, now = now })
end

--- Finished, and forgotten.
function store.drop(id, token)
  return tg.db.execute(sql.drop, { id = id, token = token })
end

function store.retry(id, token, run_at, text, now)
  return tg.db.execute(sql.retry, { id = id, token = token, run_at = run_at, error = text, now = now })
end

function store.give_up(id, token, text, now)
  return tg.db.execute(sql.give_up, { id = id, token = token, error = text, now = now })
end

function store.delete_done(before, limit)
  return tg.db.execute(sql.delete_done, { before = before, limit = limit })
end

function store.keep_schedule(schedule, now)
  return tg.db.execute(sql.keep_schedule, {
    name = schedule.name,
    handler = schedule.handler,
    every_s = schedule.every_s,
    now = now,
  })
end

--- Runs fn(tx, schedule) for each schedule whose slot has come; fn answers the next slot.
-- @return how many
function store.each_due_schedule(now, fn)
  return tg.db.transaction(function(tx)
    local due, err = tx:query(sql.due_schedules, { now = now })
    if not due then
      return nil, err
    end
    for _, schedule in ipairs(due) do
      local next_slot, moved
      next_slot, err = fn(tx, schedule)
      if not next_slot then
        return nil, err
      end
      moved, err = tx:execute(sql.move_schedule, { name = schedule.name, slot = schedule.slot, next = next_slot })
      if not moved then
        return nil, err
      end
    end
    return #due
  end)
end

return store
