--- The table `signing_keys`.
local store = {}

local OF_ALL <const> = "one set of keys signs for all companies"

local sql <const> = tg.db.declare({
  keys = {
    unscoped = OF_ALL,
    sql = [[
      SELECT id AS `id:jwk`, public_key, created_at, signs_from FROM signing_keys
       ORDER BY signs_from DESC, id DESC LIMIT 20]],
  },
  insert = {
    unscoped = OF_ALL,
    sql = [[
      INSERT INTO signing_keys (id, public_key, created_at, signs_from)
      VALUES ({id:id}, {public:hex}, {now:time}, {signs_from:time})]],
  },
  delete = { unscoped = OF_ALL, sql = "DELETE FROM signing_keys WHERE id = {id:id}" },
})

--- The youngest first.
---@return {id: string, public_key: string, created_at: integer, signs_from: integer}[]? rows, table? err
function store.keys()
  return tg.db.query(sql.keys)
end

function store.insert(tx, key)
  return tx:execute(sql.insert, {
    id = key.id, public = tg.crypto.hex(key.public), now = key.now, signs_from = key.signs_from,
  })
end

function store.delete(tx, id)
  return tx:execute(sql.delete, { id = id })
end

return store
