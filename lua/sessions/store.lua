--- SQL of sessions, and of the attempts to begin one.
local store = {}

store.AT_ONCE_MAX = 50 -- living sessions of one user

local WINDOW <const> = 15 * 60 * 1000000 -- without a failure for so long all is forgotten
local WAIT_MAX_US <const> = 900 * 1000000

local ANYBODY <const> = "nobody is signed in yet"
local OWN <const> = "one's own: the user has proved who they are, wherever they act"
local SELF <const> = "a session looks after itself: its own id is in the statement"

local sql <const> = tg.db.declare({
  insert = {
    unscoped = ANYBODY,
    sql = [[
      INSERT INTO sessions (company_id, id, user_id, secret_hash, address, user_agent, created_at, seen_at, expires_at,
                            reauthenticated_at)
      VALUES ({company:id}, {id:id}, {user:id}, {hash:hex}, {address}, {agent}, {now:time}, {now:time},
              {expires_at:time}, {now:time})]],
  },
  touch_user = {
    unscoped = ANYBODY,
    sql = "UPDATE users SET last_login_at = {now:time} WHERE id = {user:id}",
  },
  -- Ids begin with the time they were made at.
  end_oldest = {
    unscoped = OWN,
    sql = [[
      UPDATE sessions SET revoked_at = {now:time}
       WHERE user_id = {user:id} AND revoked_at IS NULL AND id < (
         SELECT id FROM (
           SELECT s.id FROM sessions s
            WHERE s.user_id = {user:id} AND s.revoked_at IS NULL AND s.expires_at > {now:time}
            ORDER BY s.id DESC LIMIT 1 OFFSET {others}) newest)]],
  },
  for_login = {
    unscoped = "the session itself says whose request this is",
    sql = [[
      SELECT s.id AS `id:ses`, s.user_id AS `user:usr`, s.company_id AS `company:co`, s.secret_hash, s.seen_at,
             s.expires_at, s.revoked_at, u.status, c.status AS company_status,
             JSON_EXTRACT(c.settings, '$.policies') AS `policies:json`, c.cors_origins AS `origins:json`,
             JSON_VALUE(c.settings, '$.second_factor') = 'required' AND NOT EXISTS (
               SELECT 1 FROM user_totp t WHERE t.user_id = u.id AND t.state = 'on') AS `must_enrol:bool`
        FROM sessions s JOIN users u ON u.id = s.user_id JOIN companies c ON c.id = s.company_id
       WHERE s.id = {id:id}]],
  },
  touch = { unscoped = SELF, sql = "UPDATE sessions SET seen_at = {now:time} WHERE id = {id:id}" },
  session = {
    unscoped = OWN,
    sql = [[
      SELECT s.id AS `id:ses`, s.user_id AS `user:usr`, s.address, s.user_agent, s.created_at, s.seen_at, s.expires_at,
             s.reauthenticated_at
        FROM sessions s WHERE s.user_id = {user:id} AND s.id = {id:id} AND s.revoked_at IS NULL]],
  },
  sessions = {
    unscoped = OWN,
    sql = [[
      SELECT s.id AS `id:ses`, s.user_id AS `user:usr`, s.address, s.user_agent, s.created_at, s.seen_at, s.expires_at,
             s.reauthenticated_at
        FROM sessions s
       WHERE s.user_id = {user:id} AND s.revoked_at IS NULL AND s.expires_at > {now:time}
         AND s.seen_at > {idle:time} AND ({after:id} IS NULL OR s.id > {after:id})
       ORDER BY s.id LIMIT {limit}]],
  },
  revoke = {
    unscoped = OWN,
    sql = [[
      UPDATE sessions SET revoked_at = {now:time}
       WHERE user_id = {user:id} AND id = {id:id} AND revoked_at IS NULL]],
  },
  reauthenticated = {
    unscoped = SELF, sql = "UPDATE sessions SET reauthenticated_at = {now:time} WHERE id = {id:id}",
  },
  password_of = {
    unscoped = OWN, sql = "SELECT u.password_hash FROM users u WHERE u.id = {user:id} AND u.status = 'active'",
  },
  purge = {
    unscoped = "sessions that are past are of no use to any company",
    sql = "DELETE FROM sessions WHERE expires_at < {before:time} LIMIT {limit}",
  },

  failure = {
    unscoped = ANYBODY,
    sql = "SELECT failures, last_at FROM login_failures WHERE bucket = {bucket:hex}",
  },
  make_bucket = {
    unscoped = ANYBODY,
    sql = "INSERT IGNORE INTO login_failures (bucket, failures, last_at) VALUES ({bucket:hex}, 0, {now:time})",
  },
  -- In one statement: of a thousand at once no more than the free ones get through.
  take_attempt = {
    unscoped = ANYBODY,
    sql = [[
      UPDATE login_failures SET failures = IF(last_at < {window:time}, 1, failures + 1), last_at = {now:time}
       WHERE bucket = {bucket:hex}
         AND (failures < {free} OR last_at < {window:time}
              OR TIMESTAMPDIFF(MICROSECOND, last_at, {now:time})
                 >= LEAST({wait_max}, 1000000 * POW(2, LEAST(failures - {free}, 20))))]],
  },
  give_back = {
    unscoped = ANYBODY,
    sql = "UPDATE login_failures SET failures = failures - 1 WHERE bucket = {bucket:hex} AND failures > 0",
  },
  forget_failures = { unscoped = ANYBODY, sql = "DELETE FROM login_failures WHERE bucket = {bucket:hex}" },
  purge_failures = {
    unscoped = ANYBODY, sql = "DELETE FROM login_failures WHERE last_at < {before:time} LIMIT {limit}",
  },
})

--- Begins a session, once its user has proved to be that user.
--- Begins a session, and ends the oldest of a user who has too many.
---@return integer? ended, table? err
function store.insert(tx, session)
  local done, err = tx:execute(sql.insert, session)
  if done then
    done, err = tx:execute(sql.touch_user, { user = session.user, now = session.now })
  end
  if not done then
    return nil, err
  end
  return tx:execute(sql.end_oldest, { user = session.user, now = session.now, others = store.AT_ONCE_MAX - 1 })
end

function store.for_login(id)
  return tg.db.one(sql.for_login, { id = id })
end

function store.touch(id, now)
  return tg.db.execute(sql.touch, { id = id, now = now })
end

function store.session(user, id)
  return tg.db.one(sql.session, { user = user, id = id })
end

function store.sessions(filter)
  return tg.db.query(sql.sessions, filter)
end

function store.revoke(tx, user, id, now)
  return tx:execute(sql.revoke, { user = user, id = id, now = now })
end

function store.reauthenticated(tx, id, now)
  return tx:execute(sql.reauthenticated, { id = id, now = now })
end

function store.password_of(user)
  return tg.db.one(sql.password_of, { user = user })
end

function store.purge(before, limit)
  return tg.db.execute(sql.purge, { before = before, limit = limit })
end

--- How often a bucket has failed, and when last.
function store.failure(bucket)
  return tg.db.one(sql.failure, { bucket = bucket })
end

--- How long a bucket waits after its last failure: twice as long each time, at most a quarter of an hour.
function store.wait_us(failures, free)
  return math.min(WAIT_MAX_US, 1000000 << math.max(0, math.min(failures - free, 20)))
end

--- Counts an attempt, when one is free or the wait is over.
---@return boolean? taken, table? err
function store.take_attempt(bucket, free, now)
  local made, err = tg.db.execute(sql.make_bucket, { bucket = bucket, now = now })
  if not made then
    return nil, err
  end
  local taken
  taken, err = tg.db.execute(sql.take_attempt, {
    bucket = bucket, free = free, now = now, window = now - WINDOW, wait_max = WAIT_MAX_US,
  })
  return taken and taken > 0, err
end

function store.give_back(bucket)
  return tg.db.execute(sql.give_back, { bucket = bucket })
end

function store.forget_failures(bucket)
  return tg.db.execute(sql.forget_failures, { bucket = bucket })
end

function store.purge_failures(before, limit)
  return tg.db.execute(sql.purge_failures, { before = before, limit = limit })
end

return store
