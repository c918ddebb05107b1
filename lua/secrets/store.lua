--- The table `sealed_values`.
local store = {}

local BY_OWNER <const> = "whoever asks has found the owner, and may: a secret has no list and no route"
local OF_ALL <const> = "the operator seals the secrets of all companies anew"

local sql <const> = tg.db.declare({
  put = {
    unscoped = BY_OWNER,
    sql = [[
      INSERT INTO sealed_values (owner_id, name, key_id, sealed, updated_at)
      VALUES ({owner:id}, {name}, {key:hex}, {sealed:hex}, {now:time})
      ON DUPLICATE KEY UPDATE key_id = {key:hex}, sealed = {sealed:hex}, updated_at = {now:time}]],
  },
  get = {
    unscoped = BY_OWNER, sql = "SELECT sealed FROM sealed_values WHERE owner_id = {owner:id} AND name = {name}",
  },
  forget = {
    unscoped = BY_OWNER, sql = "DELETE FROM sealed_values WHERE owner_id = {owner:id} AND name = {name}",
  },
  -- In the order of the primary key, behind what was there the last time: what cannot be opened stays behind.
  older = {
    unscoped = OF_ALL,
    sql = [[
      SELECT owner_id AS `owner:own`, name, sealed FROM sealed_values
       WHERE key_id <> {newest:hex}
         AND ({after:id} IS NULL OR owner_id > {after:id} OR (owner_id = {after:id} AND name > {after_name}))
       ORDER BY owner_id, name LIMIT {limit}]],
  },
  -- Somebody may have put another secret there meanwhile: that one stays.
  replace = {
    unscoped = OF_ALL,
    sql = [[
      UPDATE sealed_values SET key_id = {key:hex}, sealed = {sealed:hex}, updated_at = {now:time}
       WHERE owner_id = {owner:id} AND name = {name} AND sealed = {was:hex}]],
  },
})

local hex <const> = tg.crypto.hex

function store.put(tx, value)
  return tx:execute(sql.put, {
    owner = value.owner, name = value.name, key = hex(value.key), sealed = hex(value.sealed), now = value.now,
  })
end

---@return {sealed: string}? row, table? err
function store.get(owner, name, tx)
  local args <const> = { owner = owner, name = name }
  if tx then
    return tx:one(sql.get, args)
  end
  return tg.db.one(sql.get, args)
end

function store.forget(tx, owner, name)
  return tx:execute(sql.forget, { owner = owner, name = name })
end

--- Sealed under another key than this.
---@param after {owner: string, name: string}?
function store.older(newest, after, limit)
  return tg.db.query(sql.older, {
    newest = hex(newest), after = after and after.owner, after_name = after and after.name or "", limit = limit,
  })
end

function store.replace(value)
  return tg.db.execute(sql.replace, {
    owner = value.owner, name = value.name, key = hex(value.key), sealed = hex(value.sealed), was = hex(value.was),
    now = value.now,
  })
end

return store
