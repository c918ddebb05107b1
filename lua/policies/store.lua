--- SQL of policies: they are a part of a company's settings (identity/store.lua writes them).
local store = {}

local sql <const> = tg.db.declare({
  of_user = {
    unscoped = "of somebody whom the caller has been shown to be, or to see",
    sql = [[
      SELECT c.id AS `company:co`, JSON_EXTRACT(c.settings, '$.policies') AS `policies:json`
        FROM users u JOIN companies c ON c.id = u.company_id WHERE u.id = {actor:id}]],
  },
  of_key = {
    unscoped = "of a key that the caller has been shown to be, or to see",
    sql = [[
      SELECT c.id AS `company:co`, JSON_EXTRACT(c.settings, '$.policies') AS `policies:json`
        FROM api_keys k JOIN companies c ON c.id = k.company_id WHERE k.id = {actor:id}]],
  },
})

--- The company of a user or a key, and its policies.
---@param actor string
---@return {company: string, policies: table?}? row, table? err
function store.of(actor)
  return tg.db.one(tg.id.is(actor, "usr") and sql.of_user or sql.of_key, { actor = actor })
end

return store
