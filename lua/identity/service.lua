--- Companies and the keys that act for them.
-- What a company pays is its seller's to say: currency, deck, pricing, limits, zone, status and reference are changed
-- from above only, never by the company itself. A platform has nobody above it and answers for itself.
local audit = require("audit.service")
local carried = require("policies.carried")
local decks = require("catalog.service")
local errors = require("core.errors")
local etag = require("core.etag")
local hint = require("core.hint")
local operations = require("operations.service")
local origins = require("identity.origins")
local permissions = require("identity.permissions")
local same = require("core.same")
local store = require("identity.store")
local token = require("identity.token")

local service = {}

local OWN_FIELDS <const> = { name = true, country = true, settings = true } -- what a company may change of itself
local DEPTH_MAX <const> = 20 -- a company has a row in the tree for each company above it
local TOUCH_AFTER_US <const> = 300 * 1000000 -- last_used_at is written no more often
local OVERLAP_S <const> = 86400 -- of a key and the one that replaces it
local REFUSED <const> = {
  code = "denied", status = 401, type = "unauthorized", detail = "This API key is not known, or no longer valid.",
}
local KEPT <const> = {
  "name", "external_ref", "status", "timezone", "country", "rate_deck", "pricing", "limits", "settings",
}

--- A company, own or below.
function service.company(id)
  local row, err = store.company(id)
  if err then
    return nil, err
  end
  if not row then
    return nil, errors.not_found("company")
  end
  return row
end

function service.companies(filter)
  return store.companies(filter)
end

-- The deck must be its seller's, or of somebody above the seller, and in the currency of the company.
local function check_deck(deck, seller, currency)
  local row, err = decks.sellable(deck, seller)
  if err then
    return nil, err
  end
  if not row then
    return nil, errors.input("/rate_deck", "is not a rate deck that this company can be charged by")
  elseif row.currency ~= currency then
    return nil, errors.input("/rate_deck", ("is in %s, the company pays in %s"):format(row.currency, currency))
  end
  return true
end

-- The company that already has this reference: the answer of a repeat, unless the repeat asks for something else.
local function repeated(existing, input)
  for _, field in ipairs({ "name", "currency", "timezone", "country", "rate_deck", "pricing", "limits" }) do
    if input[field] ~= nil and not same(input[field], existing[field]) then
      return nil, errors.conflict(
        "company_exists",
        ("The company %s already has external_ref %s, with another %s."):format(
          existing.id, existing.external_ref, field:gsub("_", " ")
        )
      )
    end
  end
  audit.unchanged()
  return existing, false
end

local function insert(input, parent, record)
  local now = tg.time.now()
  local company = {
    id = tg.id.new("co"), wallet = tg.id.new("wal"), parent = parent.id, name = input.name,
    external_ref = input.external_ref, currency = input.currency or parent.currency,
    timezone = input.timezone or parent.timezone, country = input.country, rate_deck = input.rate_deck,
    pricing = input.pricing, limits = input.limits, now = now,
  }
  if company.rate_deck then
    local usable, err = check_deck(company.rate_deck, parent.id, company.currency)
    if not usable then
      return nil, err
    end
  end
  return tg.db.transaction(function(tx)
    local n_ancestors, err = store.insert_company(tx, company)
    if not n_ancestors then
      return nil, err
    elseif n_ancestors > DEPTH_MAX then
      return nil, errors.input("/parent", ("is too deep in the tree: at most %d are above a company"):format(DEPTH_MAX))
    end
    local recorded = audit.recorder({ action = "identity.create_company", after = input }, record)
    return operations.finish(tx, recorded, store.company(company.id, tx))
  end)
end

--- Creates a company below the caller's, or below one of those. With an external_ref it can be repeated: the first
-- one made under (parent, external_ref) is the answer.
---@param input table clean
---@param own string the caller's company
---@param record fun(tx: table, row: table): any, table? last thing in the transaction that creates it
---@return table? company, boolean|table created_or_err
function service.create_company(input, own, record)
  local parent, err = store.company(input.parent or own)
  if err then
    return nil, err
  end
  if not parent then
    return nil, errors.input("/parent", "is not a company of yours")
  end
  if input.external_ref then
    local existing
    existing, err = store.company_by_ref(parent.id, input.external_ref)
    if err then
      return nil, err
    end
    if existing then
      return repeated(existing, input)
    end
  end
  local company
  company, err = insert(input, parent, record)
  if company then
    return company, true
  end
  if errors.is_duplicate(err) and input.external_ref then -- somebody made it at the same moment
    local existing = store.company_by_ref(parent.id, input.external_ref)
    if existing then
      return repeated(existing, input)
    end
  end
  return nil, err
end

local function check_change(company, input)
  if company.depth == 0 and input.status == "suspended" then -- its keys would be refused, and so could not take it back
    return nil, errors.denied("A company does not suspend itself.")
  end
  if company.depth > 0 or company.parent == nil then
    if input.rate_deck ~= nil and input.rate_deck ~= tg.json.null then
      return check_deck(input.rate_deck, company.parent or company.id, company.currency)
    end
    return true
  end
  for field in pairs(input) do
    if not OWN_FIELDS[field] then
      return nil, errors.denied(("A company's %s is changed by the company above it."):format(field:gsub("_", " ")))
    end
  end
  return true
end

-- The settings as they are to be; tg.json.null when none are left.
local function merge(settings, changes)
  local merged = {}
  for name, value in pairs(settings or {}) do
    merged[name] = value
  end
  for name, value in pairs(changes) do
    merged[name] = value ~= tg.json.null and value or nil
  end
  return next(merged) and merged or tg.json.null
end

local function apply(company, input)
  local changed = { id = company.id, now = tg.time.now() }
  for _, field in ipairs(KEPT) do
    local value = input[field]
    if value == nil then
      value = company[field]
    elseif field == "settings" then
      value = merge(company.settings, value)
    end
    if value ~= tg.json.null then
      changed[field] = value
    end
  end
  return changed
end

-- In one transaction: the row locked, changed and recorded.
local function update(tx, id, input, expected, review, record)
  local locked, err = store.company_locked(tx, id)
  if not locked then
    return nil, err or errors.not_found("company")
  end
  local same_state
  same_state, err = etag.check(locked, expected)
  if not same_state then
    return nil, err
  end
  local changed, before = apply(locked, input), {}
  for _, field in ipairs(KEPT) do
    before[field] = locked[field]
  end
  local done
  done, err = store.update_company(tx, changed)
  if not done then
    return nil, err
  end
  changed.id, changed.now, changed.review = nil, nil, review
  done, err = audit.record(tx, {
    action = "identity.change_company", object = id, before = before, after = changed,
  })
  if done and record then
    done, err = record(tx, { id = id, name = changed.name, status = changed.status })
  end
  return done, err
end

--- May the caller change the company like this? What needs a second person is asked for only if it may.
---@return table? company as it is, table? err
function service.changeable(id, input)
  local company, err = service.company(id)
  if not company then
    return nil, err
  end
  local allowed
  allowed, err = check_change(company, input)
  return allowed and company, err
end

--- Changes the fields given; null takes a value away.
---@param expected integer? the updated_at that it must have
---@param review string? why no second person had to approve, or who did
---@param record (fun(tx: table, row: table): any, table?)? last thing in the transaction
---@return table? company, table? err
function service.change_company(id, input, expected, review, record)
  local company, err = service.changeable(id, input)
  if not company then
    return nil, err
  end
  local done
  done, err = tg.db.transaction(function(tx)
    return update(tx, id, input, expected, review, record)
  end)
  if errors.is_duplicate(err) then
    return nil, errors.conflict("company_exists", "Another company has this external_ref.")
  elseif not done then
    return nil, err
  end
  if input.status or input.settings then
    hint.rights_changed()
  end
  return service.company(id)
end

function service.keys(filter)
  return store.keys(filter)
end

--- The key the caller holds.
function service.own_key(actor)
  return store.own_key(actor)
end

--- A key, own or below.
function service.key(id)
  local row, err = store.key(id)
  if err then
    return nil, err
  end
  if not row then
    return nil, errors.not_found("API key")
  end
  return row
end

local MAKERS_MAX <const> = 20

--- Who stands behind an actor: a user for themselves, a key for whoever made it. Only the first key of a platform
-- stands behind none of those it made: with it the operator gives others theirs.
---@param actor string usr_… or key_…
---@return string? person, table? err
function service.person(actor)
  for _ = 1, MAKERS_MAX do
    if not tg.id.is(actor, "key") then
      break
    end
    local row, err = store.maker(actor)
    if err then
      return nil, err
    end
    local maker = row and row.created_by
    local above = nil
    if maker and tg.id.is(maker, "key") then
      above, err = store.maker(maker)
      if err then
        return nil, err
      end
    end
    if not maker or (above and not above.created_by) then
      break
    end
    actor = maker
  end
  return actor
end

--- Is one of them the other, or did the same person make both?
---@return boolean? same, table? err
function service.same_person(a, b)
  if a == b then
    return true
  end
  local first, err = service.person(a)
  if not first then
    return nil, err
  end
  local second
  second, err = service.person(b)
  return second and first == second, err
end

--- How many others in the caller's company have a permission.
---@param permission string
---@param actor string who is not counted, nor are keys of the same person
---@return integer? n, table? err
function service.others_who_may(permission, actor)
  local keys, err = store.living_keys(tg.time.now())
  if not keys then
    return nil, err
  end
  local n = 0
  for _, key in ipairs(keys) do
    if permissions.cover(key.permissions, { permission }) then
      local same_one, failed = service.same_person(key.id, actor)
      if same_one == nil then
        return nil, failed
      end
      n = n + (same_one and 0 or 1)
    end
  end
  return n
end

-- Nobody gives away more than they have: not other permissions, not a longer life. The key is read anew, because the
-- caller may be known from a memory of some seconds, and a key that was revoked meanwhile must leave no other behind.
local function check_giver(wanted, expires_at, actor, held)
  if held then
    local covered, missing = permissions.cover(held, wanted)
    if not covered then
      return nil, errors.denied(("You have not the permission %s, so no key of yours has it."):format(missing))
    end
    return true
  end
  local own, err = store.own_key(actor)
  if err then
    return nil, err
  end
  local now = tg.time.now()
  if not own or own.revoked_at or (own.expires_at and own.expires_at <= now) then
    return nil, REFUSED
  end
  local covered, missing = permissions.cover(own.permissions, wanted)
  if not covered then
    return nil, errors.denied(("Your key has not the permission %s, so it cannot give it away."):format(missing))
  end
  if own.expires_at and (not expires_at or expires_at > own.expires_at) then
    return nil, errors.denied(
      ("Your key expires at %s, so it makes no key that lives longer."):format(tg.time.format(own.expires_at))
    )
  end
  return true
end

local KEY_OVER <const> = errors.conflict("key_over", "The key was revoked or has expired: make a new one.")

---@param replaced {id: string, until_us: integer}? a key that ends then
local function insert_key(key, record, replaced)
  return tg.db.transaction(function(tx)
    if replaced then
      local n, failed = store.expire_key(tx, replaced.id, replaced.until_us, key.now)
      if n ~= 1 then
        return nil, failed or KEY_OVER
      end
    end
    local inserted, err = store.insert_key(tx, key)
    if inserted == 0 then
      return nil, errors.input("/company", "is not a company of yours")
    end
    if not inserted then
      return nil, err
    end
    local made = {
      name = key.name, company = key.company, permissions = key.permissions, expires_at = key.expires_at,
      replaces = replaced and replaced.id, until_us = replaced and replaced.until_us,
    }
    local action <const> = replaced and "identity.rotate_key" or "identity.create_key"
    local recorded = audit.recorder({ action = action, after = made }, record)
    return operations.finish(tx, recorded, store.key(key.id, tx))
  end)
end

--- Makes a key.
---@param record fun(tx: table, row: table): any, table? last thing in the transaction that makes it
---@param held string[]? what a person may do in the key's company; nil: a key asks
---@return table? key the row
---@return string|table text_or_err the key's text, which is not kept: show it once
function service.create_key(input, principal, record, held)
  local wanted = input.permissions or tg.json.array({ "*" })
  local covered, err = check_giver(wanted, input.expires_at, principal.actor, held)
  if not covered then
    return nil, err
  end
  local now = tg.time.now()
  if input.expires_at and input.expires_at <= now then
    return nil, errors.input("/expires_at", "must be in the future")
  end
  local made = token.new("key")
  local row, failed = insert_key({
    company = input.company or principal.company, id = made.id, name = input.name, hash = made.hash,
    permissions = wanted, expires_at = input.expires_at, now = now, maker = principal.actor,
  }, record)
  if not row then
    return nil, failed
  end
  return row, made.text
end

--- Makes a key that takes the place of another: the same name, company and permissions. The other goes on for a while,
-- so that nothing stands still while the new one is brought to where it is used.
---@param input {overlap_seconds: integer?, expires_at: integer?}
---@param record fun(tx: table, row: table): any, table?
---@param old table of service.key
---@param held string[]? what a person may do in the key's company; nil: a key asks
---@return table? key the row
---@return string|table text_or_err as of create_key
function service.rotate_key(old, input, principal, record, held)
  local now <const> = tg.time.now()
  local expires_at <const> = input.expires_at or old.expires_at
  local covered, err = check_giver(old.permissions, expires_at, principal.actor, held)
  if not covered then
    return nil, err
  elseif old.revoked_at or (old.expires_at and old.expires_at <= now) then
    return nil, KEY_OVER
  elseif expires_at and expires_at <= now then
    return nil, errors.input("/expires_at", "must be in the future")
  end
  local made = token.new("key")
  local row, failed = insert_key({
    company = old.company, id = made.id, name = old.name, hash = made.hash, permissions = old.permissions,
    expires_at = expires_at, now = now, maker = principal.actor,
  }, record, { id = old.id, until_us = now + (input.overlap_seconds or OVERLAP_S) * 1000000 })
  if not row then
    return nil, failed
  end
  hint.rights_changed()
  return row, made.text
end

--- Revokes a key; once revoked it stays so, and saying it again is no error.
function service.revoke_key(id)
  local row, err = store.key(id)
  if err then
    return nil, err
  end
  if not row then
    return nil, errors.not_found("API key")
  end
  local changed
  changed, err = tg.db.transaction(function(tx)
    local n, failed = store.revoke_key(tx, id, tg.time.now())
    if n == 1 then
      n, failed = audit.record(tx, { action = "identity.revoke_key", object = id, before = { name = row.name } })
    end
    return n, failed
  end)
  if not changed then
    return nil, err
  elseif changed == 0 then
    audit.unchanged()
  end
  hint.rights_changed()
  return true
end

--- The origins that any company has named, for web/origins.h.
---@return string[]? list, table? err
function service.origins()
  local rows, err = store.origins()
  if not rows then
    tg.log.warn("identity_origins_failed", { error = err.detail })
    return nil, err
  end
  local list, seen = {}, {}
  for _, row in ipairs(rows) do
    for _, origin in ipairs(row.origins) do
      list[#list + 1] = not seen[origin] and origin or nil
      seen[origin] = true
    end
  end
  return list
end

local NOT_BELOW <const> = {
  code = "denied", type = "acting_company", detail = "Tollgate-Company names no company of yours, or below yours.",
}

--- The company that a request acts in: the caller's own, or one below that the header Tollgate-Company names.
---@param own string
---@param req table?
---@return string? company, table? err
function service.acting(own, req)
  local wanted = req and req:header("tollgate-company")
  if wanted == nil or wanted == own then
    return own
  elseif not tg.id.is(wanted, "co") then
    return nil, NOT_BELOW
  end
  local is_below, err = store.is_below(own, wanted)
  if err then
    return nil, err
  elseif not is_below then
    return nil, NOT_BELOW
  end
  return wanted
end

local function is_valid(row, hash, now)
  return row ~= nil and tg.crypto.equal(row.secret_hash, hash) and row.revoked_at == nil
    and (row.expires_at == nil or row.expires_at > now)
end

--- Whose request is it? Called by the web layer, which remembers the answer for some seconds.
---@param text string the bearer token
---@param req table? for the company it acts in
---@return table? principal as web/auth.h takes it: company, actor, permissions, expires?, policy?, origins?
---@return table? err
function service.authenticate(text, req)
  local id, hash = token.parse(text, "key")
  if not id then
    return nil, REFUSED
  end
  local row, err = store.key_for_login(id)
  if err then
    return nil, err
  end
  local now = tg.time.now()
  if not is_valid(row, hash, now) then
    return nil, REFUSED
  end
  if row.status ~= "active" then
    return nil, errors.denied("The company of this API key is suspended.")
  end
  local company
  company, err = service.acting(row.company, req)
  if not company then
    return nil, err
  end
  if row.last_used_at == nil or row.last_used_at + TOUCH_AFTER_US < now then
    store.touch_key(row.company, row.id, now) -- lost when it fails: it is a hint for people
  end
  local held = { table.unpack(permissions.OWN) }
  for _, name in ipairs(row.permissions) do
    held[#held + 1] = name
  end
  return {
    company = company, actor = row.id, permissions = held, expires = row.expires_at,
    policy = carried.pack(row.company, row.policies, {}), origins = origins.pack(row.origins),
  }
end

return service
