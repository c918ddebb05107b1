--- People and what they may do.
-- A role holds in a company and all below it. What somebody may do in a company is what their roles there and above say
-- together. Nobody gives a role that may do more than they may themselves, or changes somebody who may do more.
local audit = require("audit.service")
local errors = require("core.errors")
local etag = require("core.etag")
local hint = require("core.hint")
local jobs = require("jobs.service")
local keys = require("identity.service")
local mail = require("mail.service")
local operations = require("operations.service")
local permissions = require("identity.permissions")
local roles = require("users.roles")
local store = require("users.store")

local service = {}

local LINK_LIFE <const> = 24 * 3600 * 1000000
local DEAD_LINK <const> = errors.refused("link_not_valid", "This link is not known, was used already, or is too old.")

--- A password hash that no password has, made with the cost of a real one: whoever is not there takes as long.
service.NOBODYS_HASH = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$"
  .. "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

--- E-mail addresses that are one person's: case says nothing.
---@param email string
---@return string
function service.fold(email)
  return (email:lower())
end

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

--- What a user may do in a company.
---@return string[]? held, table? err
function service.permissions_in(user, company)
  local rows, err = store.held(user, company)
  if not rows then
    return nil, err
  end
  local held = permissions_of(rows)
  for _, name in ipairs(permissions.OWN) do
    held[#held + 1] = name
  end
  return held
end

--- What whoever asks (a user or a key) may do in a company.
---@return string[]? held, table? err
function service.held_by(actor, company)
  if tg.id.is(actor, "usr") then
    return service.permissions_in(actor, company)
  end
  local key, err = keys.own_key(actor)
  if err then
    return nil, err
  end
  return key and key.permissions or {}
end

--- The users of the caller's company and above who have a permission there, without one.
---@return integer? n, table? err
function service.others_who_may(permission, actor)
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

--- Roles --------------------------------------------------------------------------------------------------------------

function service.role(id)
  local row, err = store.role(id)
  if err then
    return nil, err
  end
  if not row then
    return nil, errors.not_found("role")
  end
  return row
end

function service.roles(filter)
  return store.roles(filter)
end

local function check_gives(actor, company, wanted, pointer)
  local held, err = service.held_by(actor, company)
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
function service.create_role(input, principal, record)
  local company = input.company or principal.company
  local may, err = check_gives(principal.actor, company, input.permissions, "/permissions")
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

---@param expected integer? the updated_at that it must have
function service.change_role(id, input, principal, expected)
  local role, err = service.role(id)
  if not role then
    return nil, err
  end
  local may
  may, err = check_gives(principal.actor, role.company, input.permissions or role.permissions, "/permissions")
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
  return service.role(id)
end

function service.delete_role(id)
  local role, err = service.role(id)
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

--- Users --------------------------------------------------------------------------------------------------------------

local function with_roles(user, err)
  if not user then
    return nil, err
  end
  user.roles, err = store.assignments(user.id)
  if not user.roles then
    return nil, err
  end
  return user
end

--- A user with the roles that they have.
function service.user(id)
  local row, err = store.user(id)
  if err then
    return nil, err
  end
  if not row then
    return nil, errors.not_found("user")
  end
  return with_roles(row)
end

--- Whoever asks, when it is a person.
---@return {id: string, company: string, email: string, name: string}? user, table? err
function service.own_user(actor)
  if not tg.id.is(actor, "usr") then
    return nil
  end
  return store.own_user(actor)
end

function service.users(filter)
  return store.users(filter)
end

-- The wanted roles as rows, once it is sure that the caller may give each of them there.
local function resolve_roles(list, company, principal)
  local resolved = {}
  for i, entry in ipairs(list) do
    local at, where = ("/roles/%d"):format(i - 1), entry.company or company
    local built_in = roles.BUILT_IN[entry.role]
    local role, err = built_in, nil
    if not built_in then
      role, err = store.role_usable_in(entry.role, where)
    end
    if err then
      return nil, err
    elseif not role then
      return nil, errors.input(at .. "/role", "is not a role of that company")
    end
    local may
    may, err = check_gives(principal.actor, where, role.permissions, at)
    if not may then
      return nil, err
    end
    resolved[i] = { company = where, role = built_in and entry.role, role_id = not built_in and entry.role or nil }
  end
  return resolved
end

local function new_link(tx, user, purpose, now)
  local secret = tg.crypto.random(32)
  local done, err = store.insert_link(tx, {
    hash = tg.crypto.hex(tg.crypto.sha256(secret)), user = user.id, purpose = purpose, now = now,
    expires_at = now + LINK_LIFE,
  })
  if not done then
    return nil, err
  end
  return tg.crypto.base64url(secret)
end

local INVITATION <const> = {
  subject = "Your access to Tollgate",
  body = "Hello %s,\n\nyou have been invited to Tollgate. Choose a password with this code:\n\n    %s\n\n"
    .. "It works once, for 24 hours.\n",
}
local RESET <const> = {
  subject = "A new password for Tollgate",
  body = "Hello %s,\n\nsomebody, hopefully you, has asked for a new password. Choose one with this code:\n\n    %s\n\n"
    .. "It works once, for 24 hours. If it was not you, nothing has happened and you need not do anything.\n",
}

local function write_letter(tx, user, purpose, letter, now)
  local code, err = new_link(tx, user, purpose, now)
  if not code then
    return nil, err
  end
  return mail.send(tx, {
    company = user.company, recipient = user.email, subject = letter.subject,
    body = letter.body:format(user.name, code),
  })
end

local function insert_user(user, list, record)
  return tg.db.transaction(function(tx)
    local inserted, err = store.insert_user(tx, user)
    if inserted == 0 then
      return nil, errors.input("/company", "is not a company of yours")
    elseif not inserted then
      return nil, err
    end
    local done
    done, err = store.replace_assignments(tx, user.id, list, user.now)
    if done and user.invite ~= false then
      done, err = write_letter(tx, user, "invite", INVITATION, user.now)
    end
    if not done then
      return nil, err
    end
    local made = { email = user.email, name = user.name, company = user.company, roles = list }
    local recorded = audit.recorder({ action = "users.create_user", after = made }, record)
    return operations.finish(tx, recorded, store.user(user.id, tx))
  end)
end

--- Invites somebody: they get a letter with a code to choose a password with, now or later.
function service.create_user(input, principal, record)
  local company = input.company or principal.company
  local list, err = resolve_roles(input.roles or {}, company, principal)
  if not list then
    return nil, err
  end
  local row
  row, err = insert_user({
    id = tg.id.new("usr"), company = company, email = input.email, folded = service.fold(input.email),
    name = input.name, now = tg.time.now(), invite = input.invite,
  }, list, record)
  if errors.is_duplicate(err) then
    return nil, errors.conflict("email_taken", "Somebody has this e-mail address already.")
  end
  return with_roles(row, err)
end

--- Sends the invitation, or another, to somebody who has not chosen a password.
---@return true?, table? err
function service.invite(id)
  local user, err = service.user(id)
  if not user then
    return nil, err
  elseif user.status ~= "invited" then
    return nil, errors.conflict("not_invited", "This user has chosen a password, or was disabled.")
  end
  return tg.db.transaction(function(tx)
    local sent, failed = write_letter(tx, user, "invite", INVITATION, tg.time.now())
    if not sent then
      return nil, failed
    end
    return audit.record(tx, { action = "users.invite", object = id })
  end)
end

-- Whoever changes somebody must be able to do all that they can.
local function check_above(user, principal)
  local held, err = service.permissions_in(user.id, user.company)
  if not held then
    return nil, err
  end
  return check_gives(principal.actor, user.company, held, "This user may do what you may not")
end

--- Somebody else whom the caller may change.
---@return table? user, table? err
function service.changeable(id, principal)
  local user, err = service.user(id)
  if not user then
    return nil, err
  elseif user.id == principal.actor then
    return nil, errors.denied("Nobody does this to themselves.")
  end
  local may
  may, err = check_above(user, principal)
  if not may then
    return nil, err
  end
  return user
end

local function check_change(user, input, principal)
  if user.id == principal.actor and (input.status or input.roles) then
    return nil, errors.denied("Nobody changes their own roles or disables themselves.")
  elseif input.status == "active" and user.status == "invited" then
    return nil, errors.input("/status", "becomes active when the invitation is accepted")
  end
  return check_above(user, principal)
end

local function record_change(tx, user, input, list)
  local before, after = {}, {}
  for _, field in ipairs({ "name", "status" }) do
    before[field], after[field] = user[field], input[field] or user[field]
  end
  if list then
    before.roles, after.roles = user.roles, list
  end
  return audit.record(tx, { action = "users.change_user", object = user.id, before = before, after = after })
end

--- Changes a user. Who is disabled is signed out at once.
---@param expected integer? the updated_at that the user must have
function service.change_user(id, input, principal, expected)
  local user, err = service.user(id)
  if not user then
    return nil, err
  end
  local may
  may, err = check_change(user, input, principal)
  if not may then
    return nil, err
  end
  local list = nil
  if input.roles then
    list, err = resolve_roles(input.roles, user.company, principal)
    if not list then
      return nil, err
    end
  end
  local now = tg.time.now()
  local done
  done, err = tg.db.transaction(function(tx)
    local changed, failed = store.update_user(tx, {
      id = id, name = input.name or user.name, status = input.status or user.status, now = now, expected = expected,
    })
    if changed == 0 then
      return nil, etag.CHANGED
    end
    if changed and list then
      changed, failed = store.replace_assignments(tx, id, list, now)
    end
    if changed and input.status == "disabled" then
      changed, failed = store.end_sessions(tx, id, now)
    end
    if changed then
      changed, failed = record_change(tx, user, input, list)
    end
    return changed, failed
  end)
  if not done then
    return nil, err
  end
  hint.rights_changed()
  return service.user(id)
end

--- Proving who one is -------------------------------------------------------------------------------------------------

--- The user with this e-mail address and this password; nil when there is none, or when they may not sign in. It takes
--- as long either way.
---@return table? user, table? err
function service.prove(email, password)
  local user, err = store.by_email(service.fold(email))
  if err then
    return nil, err
  end
  local same_password
  same_password, err = tg.crypto.argon2id_verify(password, user and user.password_hash or service.NOBODYS_HASH)
  if err then
    return nil, err
  elseif not same_password or not user or user.status ~= "active" or user.company_status ~= "active" then
    return nil
  end
  return user
end

--- The user with this e-mail address, if they may sign in: for who has proved a part of it already.
---@return table? user, table? err
function service.who_may_sign_in(email)
  local user, err = store.by_email(service.fold(email))
  if not user or user.status ~= "active" or user.company_status ~= "active" then
    return nil, err
  end
  return user
end

--- Asks for a letter with a code. Whether somebody has the address is not told, nor how long it takes to find out: a
--- job looks.
function service.ask_reset(email)
  return jobs.enqueue(nil, { handler = "users.jobs:send_reset", arguments = { email = email }, attempts_max = 5 })
end

--- Sends the letter, if anybody has the address; who was invited gets a new invitation.
function service.send_reset(email)
  local user, err = store.by_email(service.fold(email))
  if err then
    return nil, err
  elseif not user or user.status == "disabled" or user.company_status ~= "active" then
    return true
  end
  return tg.db.transaction(function(tx)
    local invited = user.status == "invited"
    return write_letter(tx, user, invited and "invite" or "reset", invited and INVITATION or RESET, tg.time.now())
  end)
end

local function is_alive(link, now)
  return link and not link.used_at and link.expires_at > now and link.status ~= "disabled"
    and link.company_status == "active"
end

--- Chooses a password with the code of a letter. It works once: every other code of theirs dies with it, and whoever
--- was signed in is signed out.
---@return true? done, table? err
function service.choose_password(code, password)
  local secret = tg.crypto.unbase64url(code)
  if not secret or #secret ~= 32 then
    return nil, DEAD_LINK
  end
  local hash, err = tg.crypto.argon2id(password)
  if not hash then
    return nil, err
  end
  local done
  done, err = tg.db.transaction(function(tx)
    local now = tg.time.now()
    local link, failed = store.link(tx, tg.crypto.hex(tg.crypto.sha256(secret)))
    if failed then
      return nil, failed
    elseif not is_alive(link, now) then
      return nil, DEAD_LINK
    end
    local chosen
    chosen, failed = store.choose_password(tx, link.user, hash, now)
    if not chosen then
      return nil, failed
    end
    return audit.record(tx, {
      action = "sessions.choose_password", company = link.company, actor = link.user, object = link.user,
      after = { by = link.purpose },
    })
  end)
  if done then
    hint.rights_changed()
  end
  return done, err
end

--- A new password of somebody who has just proved the old one.
function service.change_password(user, password, session)
  local hash, err = tg.crypto.argon2id(password)
  if not hash then
    return nil, err
  end
  local done
  done, err = tg.db.transaction(function(tx)
    local changed, failed = store.change_password(tx, user, hash, session, tg.time.now())
    if not changed then
      return nil, failed
    end
    return audit.record(tx, { action = "sessions.change_password", object = user })
  end)
  if done then
    hint.rights_changed()
  end
  return done, err
end

function service.purge_links(before, limit)
  return store.delete_links(before, limit)
end

-- Whom a question is about: a user or a key that the caller may see, in a company that they may see.
local function check_visible(actor, company)
  local found, err = keys.company(company)
  if not found then
    return nil, err
  elseif tg.id.is(actor, "usr") then
    return service.user(actor)
  elseif not tg.id.is(actor, "key") then
    return nil, errors.input("/actor", "must be the id of a user or of a key")
  end
  return keys.key(actor)
end

--- Why somebody may or may not.
---@return {allowed: boolean, because: table[]}? answer, table? err
function service.explain(actor, company, permission)
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
    local held, err = service.held_by(actor, company)
    if not held then
      return nil, err
    end
    allowed = permissions.has(held, permission)
    because[1] = { key = actor, gives = allowed }
  end
  return { allowed = allowed, because = because }
end

return service
