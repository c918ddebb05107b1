--- SQL that asks whether the database answers.
local store = {}

local sql <const> = tg.db.declare({
  ping = { unscoped = "asks the server, reads nothing of anybody", sql = "SELECT 1 AS alive" },
})

function store.ping()
  return tg.db.one(sql.ping)
end

return store
