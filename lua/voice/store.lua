--- SQL of voice endpoints.
local store = {}

local ENDPOINT <const> = [[
  SELECT e.id AS `id:voi`, e.company_id AS `company:co`, e.provider, e.name, e.settings AS `settings:json`,
         e.created_at, e.updated_at
    FROM voice_endpoints e JOIN company_tree t ON t.ancestor_id = {scope} AND t.descendant_id = e.company_id ]]

local sql <const> = tg.db.declare({
  endpoint = ENDPOINT .. "WHERE e.id = {id:id}",
  endpoints = ENDPOINT .. [[
   WHERE ({company:id} IS NULL OR e.company_id = {company:id}) AND ({after:id} IS NULL OR e.id < {after:id})
   ORDER BY e.id DESC LIMIT {limit}]],
  addressed_endpoint = {
    unscoped = "who asks proves whose it is, by the secret of the endpoint",
    sql = [[
      SELECT id AS `id:voi`, company_id AS `company:co`, settings AS `settings:json` FROM voice_endpoints
       WHERE id = {id:id} AND provider = {provider}]],
  },
  insert_endpoint = [[
    INSERT INTO voice_endpoints (id, company_id, provider, name, settings, created_at, updated_at)
    SELECT {id:id}, t.descendant_id, {provider}, {name}, {settings:json}, {now:time}, {now:time}
      FROM company_tree t WHERE t.ancestor_id = {scope} AND t.descendant_id = {company:id}]],
  update_endpoint = [[
    UPDATE voice_endpoints e JOIN company_tree t ON t.ancestor_id = {scope} AND t.descendant_id = e.company_id
       SET e.name = {name}, e.settings = {settings:json}, e.updated_at = {now:time}
     WHERE e.id = {id:id} AND ({expected:time} IS NULL OR e.updated_at = {expected:time})]],
  delete_endpoint = [[
    DELETE e FROM voice_endpoints e JOIN company_tree t ON t.ancestor_id = {scope} AND t.descendant_id = e.company_id
     WHERE e.id = {id:id}]],
})

--- An endpoint of the own company or one below.
---@param tx table? of the transaction that is open
function store.endpoint(id, tx)
  if tx then
    return tx:one(sql.endpoint, { id = id })
  end
  return tg.db.one(sql.endpoint, { id = id })
end

--- Endpoints, the newest first.
---@param filter {company: string?, after: {[1]: string}?, limit: integer}
function store.endpoints(filter)
  return tg.db.query(sql.endpoints, {
    company = filter.company, after = filter.after and filter.after[1], limit = filter.limit,
  })
end

--- The one that a provider has written to, whoever's it is.
function store.addressed(id, provider)
  return tg.db.one(sql.addressed_endpoint, { id = id, provider = provider })
end

function store.insert(tx, endpoint)
  return tx:execute(sql.insert_endpoint, endpoint)
end

---@return integer? affected 0: it has changed meanwhile, table? err
function store.update(tx, endpoint)
  return tx:execute(sql.update_endpoint, endpoint)
end

function store.delete(tx, id)
  return tx:execute(sql.delete_endpoint, { id = id })
end

return store
