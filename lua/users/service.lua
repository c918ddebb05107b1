--- People: invited, changed, and proving that they are themselves. What they may do is in users/rights.lua.
-- Nobody changes somebody who may do more.
local audit = require("audit.service")
local errors = require("core.errors")
local etag = require("core.etag")
local hint = require("core.hint")
local jobs = require("jobs.service")
local keys = require("identity.service")
local mail = require("mail.service")
local operations = require("operations.service")
local passwords = require("users.passwords")
local permissions = require("identity.permissions")
local rights = require("users.rights")
local roles = require("users.roles")
local store = require("users.store")

local service = {}

local LINK_LIFE <const> = 24 * 3600 * 1000000
local LETTERS_MAX <const> = 5 -- with a code, to one user
local LETTERS_WITHIN <const> = 3600 * 1000000
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
  local resolved, seen = {}, {}
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
    may, err = rights.check_gives(principal.actor, where, role.permissions, at)
    if not may then
      return nil, err
    end
    local key = where .. entry.role
    if not seen[key] then
      seen[key] = true
      resolved[#resolved + 1] = {
        company = where, role = built_in and entry.role, role_id = not built_in and entry.role or nil,
      }
    end
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
  body = "Hello %s,\n\nyou have been invited to Tollgate. Choose a password with this code:\n\n    %s\n\n%s"
    .. "It works once, for 24 hours.\n",
}
local RESET <const> = {
  subject = "A new password for Tollgate",
  body = "Hello %s,\n\nsomebody, hopefully you, has asked for a new password. Choose one with this code:\n\n"
    .. "    %s\n\n%s"
    .. "It works once, for 24 hours. If it was not you, nothing has happened and you need not do anything.\n",
}

-- Where a page can take the code (tollgate.public-url): behind #, so that it is in nobody's log.
local function link_of(code)
  local url <const> = tg.site and tg.site.public_url
  return url and ("Or follow this link:\n\n    %s/password#%s\n\n"):format(url:gsub("/+$", ""), code) or ""
end

local function write_letter(tx, user, purpose, letter, now)
  local code, err = new_link(tx, user, purpose, now)
  if not code then
    return nil, err
  end
  return mail.send(tx, {
    company = user.company, recipient = user.email, subject = letter.subject,
    body = letter.body:format(user.name, code, link_of(code)),
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
  local held, err = rights.permissions_in(user.id, user.company)
  if not held then
    return nil, err
  end
  return rights.check_gives(principal.actor, user.company, held, "This user may do what you may not")
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

--- Signs somebody else out, everywhere.
---@return true? done, table? err
function service.end_sessions(id, principal)
  local user, err = service.changeable(id, principal)
  if not user then
    return nil, err
  end
  local ended
  ended, err = tg.db.transaction(function(tx)
    local n, failed = store.end_sessions(tx, id, tg.time.now())
    if n and n > 0 then
      local recorded
      recorded, failed = audit.record(tx, { action = "users.end_sessions", object = id, after = { ended = n } })
      n = recorded and n
    end
    return n, failed
  end)
  if not ended then
    return nil, err
  elseif ended == 0 then
    audit.unchanged()
  end
  hint.rights_changed()
  return true
end

--- Signs everybody of a company and those below out, but whoever asks: for the day when something was stolen. Only who
--- may do everything there does it.
---@return true? done, table? err
function service.end_all_sessions(company, principal)
  local found, err = keys.company(company)
  local held
  if found then
    held, err = rights.held_by(principal.actor, company)
  end
  if not held then
    return nil, err
  elseif not permissions.has(held, "*") then
    return nil, errors.denied("Everybody is signed out by who may do everything there.")
  end
  local done
  done, err = tg.db.transaction(function(tx)
    local n, failed = store.end_all_sessions(tx, company, principal.session, tg.time.now())
    if not n then
      return nil, failed
    end
    return audit.record(tx, { action = "users.end_all_sessions", object = company, after = { ended = n } })
  end)
  if done then
    hint.rights_changed()
  end
  return done and true, err
end

--- Signs a user out everywhere but here, in the transaction that changes what they sign in with.
---@param session string? here
function service.end_other_sessions(tx, user, session)
  return store.end_other_sessions(tx, user, session, tg.time.now())
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
  local now <const> = tg.time.now()
  local sent
  sent, err = store.count_links(user.id, now - LETTERS_WITHIN)
  if not sent then
    return nil, err
  elseif sent >= LETTERS_MAX then
    return true -- a stranger may ask, and must not fill somebody's mailbox
  end
  return tg.db.transaction(function(tx)
    local invited = user.status == "invited"
    return write_letter(tx, user, invited and "invite" or "reset", invited and INVITATION or RESET, now)
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
  local link_hash = tg.crypto.hex(tg.crypto.sha256(secret))
  local known, err = store.link(nil, link_hash) -- before a worker burns for a code that is nothing
  if err then
    return nil, err
  elseif not is_alive(known, tg.time.now()) then
    return nil, DEAD_LINK
  end
  local fit, hash
  fit, err = passwords.check(password, known, "/password")
  if fit then
    hash, err = tg.crypto.argon2id(password)
  end
  if not hash then
    return nil, err
  end
  local done
  done, err = tg.db.transaction(function(tx)
    local now = tg.time.now()
    local link, failed = store.link(tx, link_hash)
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
  local person, err = store.own_user(user)
  local fit, hash
  if person then
    fit, err = passwords.check(password, person, "/new_password")
  end
  if fit then
    hash, err = tg.crypto.argon2id(password)
  end
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

return service
