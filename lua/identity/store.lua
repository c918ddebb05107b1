--- SQL of companies and API keys.
-- "Own or below" is one join: company_tree has a row for each company and each of its ancestors, itself included.
local errors = require("core.errors")
local page = require("core.page")

local store = {}

local COMPANY_COLUMNS <const> = [[
  SELECT c.id AS `id:co`, c.parent_id AS `parent:co`, c.name, c.external_ref, c.status, c.currency, c.timezone,
         c.country, c.rate_deck_id AS `rate_deck:deck`, c.pricing AS `pricing:json`, c.limits AS `limits:json`,
         c.settings AS `settings:json`, c.created_at, c.updated_at, t.depth ]]
local COMPANY_ROWS <const> = [[
  FROM company_tree t JOIN companies c ON c.id = t.descendant_id
 WHERE t.ancestor_id = {scope} ]]
local COMPANY <const> = COMPANY_COLUMNS .. COMPANY_ROWS

local KEY_COLUMNS <const> = [[
  SELECT k.id AS `id:key`, k.company_id AS `company:co`, k.name, k.permissions AS `permissions:json`, k.created_at,
         k.expires_at, k.revoked_at, k.last_used_at ]]
local KEY_ROWS <const> = [[
  FROM company_tree t JOIN api_keys k ON k.company_id = t.descendant_id
 WHERE t.ancestor_id = {scope} ]]
local KEY <const> = KEY_COLUMNS .. KEY_ROWS

local companies <const> = page.declare("companies", {
  columns = COMPANY_COLUMNS, id = "t.descendant_id", name = "c.name",
  rows = COMPANY_ROWS .. [[
     AND ({external_ref} IS NULL OR c.external_ref = {external_ref})
     AND ({status} IS NULL OR c.status = {status})
     AND ({q} IS NULL OR c.name LIKE {q} ESCAPE '|')]],
})
local keys <const> = page.declare("keys", {
  columns = KEY_COLUMNS, id = "k.id", name = "k.name COLLATE utf8mb4_unicode_nopad_ci",
  rows = KEY_ROWS .. [[
     AND ({company:id} IS NULL OR k.company_id = {company:id})
     AND ({q} IS NULL OR k.name COLLATE utf8mb4_unicode_nopad_ci LIKE {q} ESCAPE '|')]],
})

local sql <const> = tg.db.declare({
  company = COMPANY .. "AND t.descendant_id = {id:id}",
  -- EXISTS, not a join: FOR UPDATE would lock the row of the tree too, which others need to make companies.
  company_locked = [[
    SELECT c.id AS `id:co`, c.name, c.external_ref, c.status, c.timezone, c.country, c.rate_deck_id AS `rate_deck:deck`,
           c.pricing AS `pricing:json`, c.limits AS `limits:json`, c.settings AS `settings:json`, c.updated_at
      FROM companies c
     WHERE c.id = {id:id}
       AND EXISTS (SELECT 1 FROM company_tree t WHERE t.ancestor_id = {scope} AND t.descendant_id = c.id)
       FOR UPDATE]],
  company_by_ref = COMPANY .. "AND c.parent_id = {parent:id} AND c.external_ref = {external_ref}",
  insert_company = [[
    INSERT INTO companies (id, parent_id, name, external_ref, status, currency, timezone, country, rate_deck_id,
                           pricing, limits, created_at, updated_at)
    SELECT {id:id}, t.descendant_id, {name}, {external_ref}, 'active', {currency}, {timezone}, {country},
           {rate_deck:id}, {pricing:json}, {limits:json}, {now:time}, {now:time}
      FROM company_tree t WHERE t.ancestor_id = {scope} AND t.descendant_id = {parent:id}]],
  -- A new company is below whatever its parent is below, and below itself at depth 0.
  insert_tree = [[
    INSERT INTO company_tree (ancestor_id, descendant_id, depth)
    SELECT a.ancestor_id, {id:id}, a.depth + 1
      FROM company_tree t JOIN company_tree a ON a.descendant_id = t.descendant_id
     WHERE t.ancestor_id = {scope} AND t.descendant_id = {parent:id}]],
  insert_tree_self = {
    unscoped = "a company is below itself; its own row was just written, scoped when it is not a platform",
    sql = [[INSERT INTO company_tree (ancestor_id, descendant_id, depth) VALUES ({id:id}, {id:id}, 0)]],
  },
  insert_wallet = [[
    INSERT INTO wallets (company_id, id, currency, created_at)
    SELECT t.descendant_id, {wallet:id}, {currency}, {now:time}
      FROM company_tree t WHERE t.ancestor_id = {scope} AND t.descendant_id = {id:id}]],
  update_company = [[
    UPDATE companies c JOIN company_tree t ON t.ancestor_id = {scope} AND t.descendant_id = c.id
       SET c.name = {name}, c.external_ref = {external_ref}, c.status = {status}, c.timezone = {timezone},
           c.country = {country}, c.rate_deck_id = {rate_deck:id}, c.pricing = {pricing:json}, c.limits = {limits:json},
           c.settings = {settings:json}, c.updated_at = {now:time}
     WHERE c.id = {id:id}]],

  key = KEY .. "AND k.id = {id:id}",
  own_key = {
    unscoped = "whoever asks has proved to be this key, wherever it acts",
    sql = [[
      SELECT k.id AS `id:key`, k.company_id AS `company:co`, k.name, k.permissions AS `permissions:json`, k.created_at,
             k.expires_at, k.revoked_at, k.last_used_at
        FROM api_keys k WHERE k.id = {id:id}]],
  },
  maker = {
    unscoped = "of a key that is known already: who stands behind it",
    sql = "SELECT created_by FROM api_keys WHERE id = {id:id}",
  },
  is_below = {
    unscoped = "where somebody may act is being found out",
    sql = "SELECT 1 AS yes FROM company_tree t WHERE t.ancestor_id = {own:id} AND t.descendant_id = {company:id}",
  },
  -- Of this one company: a key below it does not act for it.
  living_keys = [[
    SELECT id AS `id:key`, permissions AS `permissions:json`, created_by FROM api_keys
     WHERE company_id = {scope} AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > {now:time})
     LIMIT 10000]],
  insert_key = [[
    INSERT INTO api_keys (company_id, id, name, secret_hash, permissions, created_at, expires_at, created_by)
    SELECT t.descendant_id, {id:id}, {name}, {hash:hex}, {permissions:json}, {now:time}, {expires_at:time}, {maker}
      FROM company_tree t WHERE t.ancestor_id = {scope} AND t.descendant_id = {company:id}]],
  expire_key = [[
    UPDATE api_keys k JOIN company_tree t ON t.ancestor_id = {scope} AND t.descendant_id = k.company_id
       SET k.expires_at = LEAST(COALESCE(k.expires_at, {at:time}), {at:time})
     WHERE k.id = {id:id} AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > {now:time})]],
  revoke_key = [[
    UPDATE api_keys k JOIN company_tree t ON t.ancestor_id = {scope} AND t.descendant_id = k.company_id
       SET k.revoked_at = {now:time} WHERE k.id = {id:id} AND k.revoked_at IS NULL]],

  key_for_login = {
    unscoped = "the key itself says whose request this is",
    sql = [[
      SELECT k.id AS `id:key`, k.company_id AS `company:co`, k.secret_hash, k.permissions AS `permissions:json`,
             k.expires_at, k.revoked_at, k.last_used_at, c.status,
             JSON_EXTRACT(c.settings, '$.policies') AS `policies:json`, c.cors_origins AS `origins:json`
        FROM api_keys k JOIN companies c ON c.id = k.company_id WHERE k.id = {id:id}]],
  },
  touch_key = {
    unscoped = "written while the key is checked, before there is a principal",
    sql = [[UPDATE api_keys SET last_used_at = {now:time} WHERE company_id = {company:id} AND id = {id:id}]],
  },

  origins = {
    unscoped = "of pages that may ask at all; whose they are is told to nobody",
    sql = [[
      SELECT c.cors_origins AS `origins:json` FROM companies c
       WHERE c.cors_origins IS NOT NULL AND c.status = 'active' LIMIT 10000]],
  },

  platform_by_name = {
    unscoped = "the operator's command line makes platforms, which have nothing above them",
    sql = [[SELECT id AS `id:co` FROM companies WHERE parent_id IS NULL AND name = {name} FOR UPDATE]],
  },
  insert_platform = {
    unscoped = "a platform has nothing above it",
    sql = [[
      INSERT INTO companies (id, name, status, currency, timezone, created_at, updated_at)
      VALUES ({id:id}, {name}, 'active', {currency}, {timezone}, {now:time}, {now:time})]],
  },
  insert_platform_wallet = {
    unscoped = "a platform has nothing above it",
    sql = [[
      INSERT INTO wallets (company_id, id, currency, created_at)
      VALUES ({id:id}, {wallet:id}, {currency}, {now:time})]],
  },
  insert_platform_key = {
    unscoped = "a platform has nothing above it",
    sql = [[
      INSERT INTO api_keys (company_id, id, name, secret_hash, permissions, created_at)
      VALUES ({company:id}, {id:id}, {name}, {hash:hex}, {permissions:json}, {now:time})]],
  },
})

-- Inside a transaction what is read must be read through it.
local function one(tx, statement, args)
  if tx then
    return tx:one(statement, args)
  end
  return tg.db.one(statement, args)
end

--- A company, own or below.
---@param tx table? of the transaction that is open
---@return table? row, table? err  nil, nil: none that the caller may see
function store.company(id, tx)
  return one(tx, sql.company, { id = id })
end

--- The same, locked until the transaction ends.
function store.company_locked(tx, id)
  return tx:one(sql.company_locked, { id = id })
end

function store.company_by_ref(parent, external_ref)
  return tg.db.one(sql.company_by_ref, { parent = parent, external_ref = external_ref })
end

---@param filter table of schema.company_list
function store.companies(filter)
  return companies(filter, { external_ref = filter.external_ref, status = filter.status })
end

--- Writes a company with its place in the tree and its wallet.
---@return integer? n_ancestors how many companies it is below
---@return table? err  not_found when the parent is not the caller's to use
function store.insert_company(tx, company)
  local inserted, err = tx:execute(sql.insert_company, company)
  if inserted == 0 then
    return nil, errors.not_found("parent")
  end
  local rows = {}
  for _, name in ipairs({ "insert_tree", "insert_tree_self", "insert_wallet" }) do
    if not inserted then
      return nil, err
    end
    inserted, err = tx:execute(sql[name], company)
    rows[name] = inserted
  end
  return inserted and rows.insert_tree, err
end

function store.update_company(tx, company)
  return tx:execute(sql.update_company, company)
end

function store.key(id, tx)
  return one(tx, sql.key, { id = id })
end

--- The key of whoever asks, also when it acts for a company below its own.
function store.own_key(id)
  return tg.db.one(sql.own_key, { id = id })
end

--- Is the company the caller's own, or below it?
function store.is_below(own, company)
  local row, err = tg.db.one(sql.is_below, { own = own, company = company })
  if err then
    return nil, err
  end
  return row ~= nil
end

---@param filter table of schema.key_list
function store.keys(filter)
  return keys(filter, { company = filter.company })
end

--- The caller's company's own keys that are good at this instant.
function store.living_keys(now)
  return tg.db.query(sql.living_keys, { now = now })
end

--- Who made a key.
---@return {created_by: string?}? row, table? err
function store.maker(id)
  return tg.db.one(sql.maker, { id = id })
end

---@return integer? inserted 0 when the company is not the caller's to use
---@return table? err
function store.insert_key(tx, key)
  return tx:execute(sql.insert_key, key)
end

--- Lets a living key end at an instant, unless it ends before.
---@return integer? changed 0 when it is over, table? err
function store.expire_key(tx, id, at, now)
  return tx:execute(sql.expire_key, { id = id, at = at, now = now })
end

---@return integer? changed 0 when it was revoked before, table? err
function store.revoke_key(tx, id, now)
  return tx:execute(sql.revoke_key, { id = id, now = now })
end

function store.key_for_login(id)
  return tg.db.one(sql.key_for_login, { id = id })
end

--- The lists of all companies that have one.
---@return {origins: string[]}[]? rows, table? err
function store.origins()
  return tg.db.query(sql.origins)
end

function store.touch_key(company, id, now)
  return tg.db.execute(sql.touch_key, { company = company, id = id, now = now })
end

function store.platform_by_name(tx, name)
  return tx:one(sql.platform_by_name, { name = name })
end

--- Writes a platform, its place in the tree, its wallet and its first key.
---@return true?, table? err
function store.insert_platform(tx, platform, key)
  local writes <const> = {
    { sql.insert_platform, platform }, { sql.insert_tree_self, platform },
    { sql.insert_platform_wallet, platform }, { sql.insert_platform_key, key },
  }
  for _, write in ipairs(writes) do
    local done, err = tx:execute(write[1], write[2])
    if not done then
      return nil, err
    end
  end
  return true
end

return store
