--- What somebody may do: roles, and what they come to.
-- A role holds in a company and all below it. What somebody may do in a company is what their roles there and above say
-- together. Nobody gives a role that may do more than they may themselves.
local audit = require("audit.service")
local errors = require("core.errors")
local etag = require("core.etag")
local hint = require("core.hint")
local keys = require("identity.service")
local operations = require("operations.service")
local permissions = require("identity.permissions")
local roles = require("users.roles")
local store = require("users.store")

local rights = {}

-- What the rows of a user in a company come to.
local function permissions_of(rows)
  local list = {}
  for _, row in ipairs(rows) do
    local built_in = roles.BUILT_IN[row.role]
    for _, name in ipairs(built_in and built_in.permissions or row.permissions or {}) do
      list[#list + 1] = name
    end
  end
  return list
end

-- The roles' own names: of built-in ones "owner", of others rol_….
local function names_of(rows)
  local names = {}
  for i, row in ipairs(rows) do
    names[i] = row.role ~= "" and row.role or row.role_id
  end
  return names
end

--- The roles that a user has in a company.
---@return string[]? names, table? err
function rights.names_in(user, company)
  local rows, err = store.held(user, company)
  return rows and names_of(rows), err
end

--- What a user may do in a company.
---@return string[]? held, table? err, string[]? roles
function rights.permissions_in(user, company)
  local rows, err = store.held(user, company)
  if not rows then
    return nil, err
  end
  local held = permissions_of(rows)
  for _, name in ipairs(permissions.OWN) do
    held[#held + 1] = name
  end
  return held, nil, names_of(rows)
end

--- What whoever asks (a user or a key) may do in a company.
---@return string[]? held, table? err
function rights.held_by(actor, company)
  if tg.id.is(actor, "usr") then
    return rights.permissions_in(actor, company)
  end
  local key, err = keys.own_key(actor)
  if err then
    return nil, err
  end
  return key and key.permissions or {}
end

--- The users of the caller's company and above who have a permission there, without one.
---@return integer? n, table? err
function rights.others_who_may(permission, actor)
  local rows, err = store.holders()
  if not rows then
    return nil, err
  end
  local by_user, n = {}, 0
  for _, row in ipairs(rows) do
    local list = by_user[row.user] or {}
    by_user[row.user] = list
    table.move(permissions_of({ row }), 1, 100, #list + 1, list)
  end
  for user, held in pairs(by_user) do
    if user ~= actor and permissions.has(held, permission) then
      n = n + 1
    end
  end
  return n
end

function rights.role(id)
  local row, err = store.role(id)
  if err then
    return nil, err
  end
  if not row then
    return nil, errors.not_found("role")
  end
  return row
end

function rights.roles(filter)
  return store.roles(filter)
end

--- Nobody gives away more than they have.
---@param actor string user or key
---@param company string where it is given
---@param wanted string[]
---@param pointer string where it was asked for, for the refusal
---@return true? may, table? err
function rights.check_gives(actor, company, wanted, pointer)
  local held, err = rights.held_by(actor, company)
  if not held then
    return nil, err
  end
  local covered, missing = permissions.cover(held, wanted)
  if not covered then
    return nil, errors.denied(("%s: you have not the permission %s, so you cannot give it."):format(pointer, missing))
  end
  return true
end

--- Makes a role.
function rights.create_role(input, principal, record)
  local company = input.company or principal.company
  local may, err = rights.check_gives(principal.actor, company, input.permissions, "/permissions")
  if not may then
    return nil, err
  end
  local id = tg.id.new("rol")
  local row
  row, err = tg.db.transaction(function(tx)
    local inserted, insert_err = store.insert_role(tx, {
      id = id, company = company, name = input.name, permissions = input.permissions, now = tg.time.now(),
    })
    if inserted == 0 then
      return nil, errors.input("/company", "is not a company of yours")
    elseif not inserted then
      return nil, insert_err
    end
    local recorded = audit.recorder({ action = "users.create_role", after = input }, record)
    return operations.finish(tx, recorded, store.role(id, tx))
  end)
  if errors.is_duplicate(err) then
    return nil, errors.conflict("role_exists", "The company has a role of this name.")
  end
  return row, err
end

--- Changes a role, for all who have it. Who may less than it gives does not touch it.
---@param expected integer? the updated_at that it must have
function rights.change_role(id, input, principal, expected)
  local role, err = rights.role(id)
  if not role then
    return nil, err
  end
  local may
  may, err = rights.check_gives(principal.actor, role.company, role.permissions, "This role")
  if may and input.permissions then
    may, err = rights.check_gives(principal.actor, role.company, input.permissions, "/permissions")
  end
  if not may then
    return nil, err
  end
  local before = { name = role.name, permissions = role.permissions }
  local after = { name = input.name or role.name, permissions = input.permissions or role.permissions }
  local changed
  changed, err = tg.db.transaction(function(tx)
    local done, failed = store.update_role(tx, {
      id = id, name = after.name, permissions = after.permissions, now = tg.time.now(), expected = expected,
    })
    if not done then
      return nil, failed
    elseif done == 0 then
      return nil, etag.CHANGED
    end
    return audit.record(tx, { action = "users.change_role", object = id, before = before, after = after })
  end)
  if errors.is_duplicate(err) then
    return nil, errors.conflict("role_exists", "The company has a role of this name.")
  elseif not changed then
    return nil, err
  end
  hint.rights_changed()
  return rights.role(id)
end

function rights.delete_role(id)
  local role, err = rights.role(id)
  if not role then
    return nil, err
  end
  local deleted
  deleted, err = tg.db.transaction(function(tx)
    local n, failed = store.delete_role(tx, id)
    if n == 1 then
      local before = { name = role.name, permissions = role.permissions }
      n, failed = audit.record(tx, { action = "users.delete_role", object = id, before = before })
    end
    return n, failed
  end)
  if not deleted then
    return nil, err
  elseif deleted == 0 then
    return nil, errors.conflict("role_in_use", "Somebody has this role: take it away from them first.")
  end
  return true
end

-- Whom a question is about: a user or a key that the caller may see, in a company that they may see.
local function check_visible(actor, company)
  local found, err = keys.company(company)
  if not found then
    return nil, err
  elseif tg.id.is(actor, "usr") then
    local user
    user, err = store.user(actor)
    if not user and not err then
      err = errors.not_found("user")
    end
    return user, err
  elseif not tg.id.is(actor, "key") then
    return nil, errors.input("/actor", "must be the id of a user or of a key")
  end
  return keys.key(actor)
end

--- Why somebody may or may not.
---@return {allowed: boolean, because: table[]}? answer, table? err
function rights.explain(actor, company, permission)
  local visible, failed = check_visible(actor, company)
  if not visible then
    return nil, failed
  end
  local because, allowed = {}, false
  if tg.id.is(actor, "usr") then
    local rows, err = store.held(actor, company)
    if not rows then
      return nil, err
    end
    for _, row in ipairs(rows) do
      local has = permissions.has(permissions_of({ row }), permission)
      allowed = allowed or has
      because[#because + 1] = {
        role = row.role ~= "" and row.role or row.role_name, company = row.company, gives = has,
      }
    end
  else
    local held, err = rights.held_by(actor, company)
    if not held then
      return nil, err
    end
    allowed = permissions.has(held, permission)
    because[1] = { key = actor, gives = allowed }
  end
  return { allowed = allowed, because = because }
end

return rights
