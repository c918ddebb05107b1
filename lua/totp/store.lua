--- SQL of second factors and recovery codes.
local store = {}

local OWN <const> = "of one user, who asks for themselves or is about to sign in"

local sql <const> = tg.db.declare({
  state = {
    unscoped = OWN,
    sql = [[
      SELECT t.state, t.last_step, t.confirmed_at,
             (SELECT COUNT(*) FROM user_recovery_codes c WHERE c.user_id = t.user_id AND c.used_at IS NULL) AS n_codes
        FROM user_totp t WHERE t.user_id = {user:id}]],
  },
  -- One that is on stays as it is.
  begin = {
    unscoped = OWN,
    sql = [[
      INSERT INTO user_totp (user_id, state, last_step, created_at) VALUES ({user:id}, 'pending', 0, {now:time})
      ON DUPLICATE KEY UPDATE created_at = IF(state = 'on', created_at, {now:time})]],
  },
  locked = { unscoped = OWN, sql = "SELECT state, last_step FROM user_totp WHERE user_id = {user:id} FOR UPDATE" },
  confirm = {
    unscoped = OWN,
    sql = [[
      UPDATE user_totp SET state = 'on', last_step = {step}, confirmed_at = {now:time}
       WHERE user_id = {user:id} AND state = 'pending']],
  },
  take_step = {
    unscoped = OWN,
    sql = "UPDATE user_totp SET last_step = {step} WHERE user_id = {user:id} AND state = 'on' AND last_step < {step}",
  },
  delete = { unscoped = OWN, sql = "DELETE FROM user_totp WHERE user_id = {user:id}" },
  insert_code = {
    unscoped = OWN, sql = "INSERT INTO user_recovery_codes (user_id, hash) VALUES ({user:id}, {hash:hex})",
  },
  take_code = {
    unscoped = OWN,
    sql = [[
      UPDATE user_recovery_codes SET used_at = {now:time}
       WHERE user_id = {user:id} AND hash = {hash:hex} AND used_at IS NULL]],
  },
  delete_codes = { unscoped = OWN, sql = "DELETE FROM user_recovery_codes WHERE user_id = {user:id}" },
})

---@return {state: string, last_step: integer, confirmed_at: integer?, n_codes: integer}? row, table? err
function store.state(user)
  return tg.db.one(sql.state, { user = user })
end

function store.begin(tx, user, now)
  return tx:execute(sql.begin, { user = user, now = now })
end

--- Locks it.
function store.locked(tx, user)
  return tx:one(sql.locked, { user = user })
end

function store.confirm(tx, user, step, now)
  return tx:execute(sql.confirm, { user = user, step = step, now = now })
end

--- Takes a step, when no code of it or a later one was taken.
---@return integer? taken 1 or 0
function store.take_step(user, step)
  return tg.db.execute(sql.take_step, { user = user, step = step })
end

--- Puts these in the place of the recovery codes there are.
---@param hashes string[]
function store.replace_codes(tx, user, hashes)
  local done, err = tx:execute(sql.delete_codes, { user = user })
  for _, hash in ipairs(hashes) do
    if not done then
      break
    end
    done, err = tx:execute(sql.insert_code, { user = user, hash = hash })
  end
  return done, err
end

---@return integer? taken 1 or 0
function store.take_code(user, hash, now)
  return tg.db.execute(sql.take_code, { user = user, hash = hash, now = now })
end

function store.delete(tx, user)
  local done, err = tx:execute(sql.delete, { user = user })
  if done then
    done, err = tx:execute(sql.delete_codes, { user = user })
  end
  return done, err
end

return store
