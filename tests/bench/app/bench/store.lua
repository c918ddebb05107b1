--- One prepared query by key.
local store = {}

local sql = tg.db.declare({
  wallet = { unscoped = "the peers' table", sql = "SELECT id, balance FROM bench_wallets WHERE id = {id}" },
})

function store.wallet(id)
  return tg.db.one(sql.wallet, { id = id })
end

return store
