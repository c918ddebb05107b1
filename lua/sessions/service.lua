--- Who signs in, and for how long that holds.
-- A session is a token like that of a key: shown once, kept as a hash. It ends when it is revoked, unused for twelve
-- hours, thirty days old, or the oldest of more than fifty. What its user may do is asked anew each time (the web layer
-- remembers it for seconds).
local audit = require("audit.service")
local carried = require("policies.carried")
local errors = require("core.errors")
local hint = require("core.hint")
local keys = require("identity.service")
local origins = require("identity.origins")
local rights = require("users.rights")
local secrets = require("secrets.service")
local store = require("sessions.store")
local throttle = require("sessions.throttle")
local token = require("identity.token")
local totp = require("totp.service")
local users = require("users.service")

local service = {}

local HOUR <const> = 3600 * 1000000
local IDLE <const> = 12 * HOUR
local LIFE <const> = 30 * 24 * HOUR
local TOUCH_AFTER <const> = 300 * 1000000 -- seen_at is written no more often
local FRESH <const> = 5 * 60 * 1000000 -- for so long a password that was given counts as just given
local AGENT_MAX <const> = 300
local TICKET_LIFE <const> = 5 * 60 * 1000000
local TICKET <const> = "login" -- what a ticket is sealed for

local REFUSED <const> = {
  code = "denied", status = 401, type = "unauthorized", detail = "This session is not known, or no longer valid.",
}
-- One answer for an address that nobody has, a wrong password and somebody who may not: nobody learns who is here.
local function not_you(email)
  return {
    code = "denied", status = 401, type = "wrong_credentials", detail = "The e-mail address or the password is wrong.",
    object = users.fold(email), -- for the audit log
  }
end

local BAD_TICKET <const> = {
  code = "denied", status = 401, type = "wrong_ticket", detail = "This ticket is not valid (any more): sign in again.",
}
local function wrong_code(user)
  return {
    code = "denied", status = 401, type = "wrong_code", detail = "The code is wrong, or was used already.",
    object = user.id, -- for the audit log
  }
end

local STALE <const> = {
  code = "denied", status = 403, type = "reauthentication_required",
  detail = "Give the password or a code once more: POST /v1/auth/reauthenticate.",
}

local function agent_of(text)
  local agent = (text or ""):sub(1, AGENT_MAX)
  while not utf8.len(agent) do
    agent = agent:sub(1, -2)
  end
  return agent
end

-- Begins a session; `factor`: what was proved beside the password.
local function begin(user, origin, now, factor)
  local made = token.new("ses")
  local session = {
    company = user.company, id = made.id, user = user.id, hash = made.hash, address = origin.address,
    agent = agent_of(origin.agent), now = now, expires_at = now + LIFE,
  }
  local ended = 0
  local done, err = tg.db.transaction(function(tx)
    local n, failed = store.insert(tx, session)
    if not n then
      return nil, failed
    end
    ended = n
    return audit.record(tx, {
      action = "sessions.login", company = user.company, actor = user.id, object = made.id,
      after = { user_agent = session.agent, second_factor = factor },
    })
  end)
  if not done then
    return nil, err
  end
  if ended > 0 then
    hint.rights_changed()
  end
  return { session = { id = made.id, token = made.text, expires_at = session.expires_at }, user = user }
end

-- A part of the hash: with another password a ticket is worth nothing.
local function mark_of(user)
  return tg.crypto.hex(tg.crypto.sha256(user.password_hash)):sub(1, 16)
end

-- For who has given the password and owes the second factor.
local function new_ticket(user, now)
  local ticket = { email = user.email, mark = mark_of(user), expires_at = now + TICKET_LIFE }
  return secrets.seal(tg.json.encode(ticket), TICKET)
end

-- Whose ticket it is; nil when it is none, or over.
local function redeem(ticket, now)
  local text = secrets.unseal(ticket, TICKET)
  local what = text and tg.json.decode(text)
  if not what or what.expires_at <= now then
    return nil
  end
  local user, err = users.who_may_sign_in(what.email)
  if not user or mark_of(user) ~= what.mark then
    return nil, err
  end
  return user
end

--- Signs somebody in, or gives them a ticket for the second step.
---@param input {email: string, password: string}
---@param origin {address: string, agent: string?}
---@return {session: table?, user: table, ticket: string?}? signed_in, table? err
function service.login(input, origin)
  local now = tg.time.now()
  local buckets = throttle.buckets(users.fold(input.email), origin.address)
  local may, err = throttle.enter(buckets, now)
  if not may then
    return nil, err
  end
  local user
  user, err = users.prove(input.email, input.password)
  if err then
    return nil, err
  elseif not user then
    tg.log.info("sessions_login_refused", { address = origin.address })
    return nil, not_you(input.email)
  end
  throttle.succeeded(buckets) -- lost when it fails: then the next mistake waits a little longer
  local factor
  factor, err = totp.state(user.id)
  if not factor then
    return nil, err
  elseif factor.enabled then
    audit.unchanged() -- nobody is signed in yet
    local ticket
    ticket, err = new_ticket(user, now)
    return ticket and { ticket = ticket, user = user }, err
  end
  return begin(user, origin, now)
end

-- The second factor, slowed down like a password.
local function check_factor(user, proof, address, refusal)
  local now = tg.time.now()
  local buckets = throttle.factor_buckets(user, address)
  local may, err = throttle.enter(buckets, now)
  if not may then
    return nil, err
  end
  local proved
  proved, err = totp.prove(user, proof)
  if not proved then
    return nil, err or refusal
  end
  throttle.succeeded(buckets)
  return true
end

--- The second step.
---@param input {ticket: string, code: string?, recovery_code: string?}
---@param origin {address: string, agent: string?}
---@return {session: table, user: table}? signed_in, table? err
function service.login_totp(input, origin)
  local now = tg.time.now()
  local user, err = redeem(input.ticket, now)
  if not user then
    return nil, err or BAD_TICKET
  end
  local proved
  proved, err = check_factor(user.id, input, origin.address, wrong_code(user))
  if not proved then
    tg.log.info("sessions_factor_refused", { address = origin.address, user = user.id })
    return nil, err
  end
  return begin(user, origin, now, input.code and "code" or "recovery_code")
end

local function is_valid(row, hash, now)
  return row ~= nil and tg.crypto.equal(row.secret_hash, hash) and row.revoked_at == nil and row.expires_at > now
    and row.seen_at > now - IDLE and row.status == "active"
end

local function authenticate_session(id, hash, req)
  local row, err = store.for_login(id)
  if err then
    return nil, err
  end
  local now = tg.time.now()
  if not is_valid(row, hash, now) then
    return nil, REFUSED
  elseif row.company_status ~= "active" then
    return nil, errors.denied("Your company is suspended.")
  end
  local company
  company, err = keys.acting(row.company, req)
  if not company then
    return nil, err
  end
  if row.seen_at + TOUCH_AFTER < now then
    store.touch(id, now) -- lost when it fails: the next request tries again
  end
  local held, roles
  held, err, roles = rights.permissions_in(row.user, company)
  if not held then
    return nil, err
  end
  return {
    company = company, actor = row.user, session = id, permissions = held, expires = row.expires_at,
    policy = carried.pack(row.company, row.policies, roles, row.must_enrol), origins = origins.pack(row.origins),
  }
end

--- Whose request is it? Called by the web layer, which remembers the answer for some seconds.
---@param text string the token: a session's or a key's
---@param req table? for the company to act in
---@return table? principal as of identity.service.authenticate, and session?
---@return table? err
function service.authenticate(text, req)
  local id, hash = token.parse(text, "ses")
  if id then
    return authenticate_session(id, hash, req)
  end
  return keys.authenticate(text, req)
end

--- What a page shows to prove that it has sent a request itself (web/cookie.h computes the same).
---@param text string a session's token
---@return string
function service.csrf(text)
  return tg.crypto.hex(tg.crypto.hmac_sha256(text, "csrf")):sub(1, 32)
end

--- The session that a request comes with; nil when it comes with a key.
---@param req table
---@return string? id
function service.of(req)
  return req.principal and req.principal.session
end

local NO_SESSION <const> = errors.denied("This is for people who have signed in; a key has no session.")

--- The session of a request and its user's id.
---@return string? id, table? err
function service.own(req)
  local id = service.of(req)
  if not id then
    return nil, NO_SESSION
  end
  return id
end

local function end_session(action, user, id)
  local changed, err = tg.db.transaction(function(tx)
    local n, failed = store.revoke(tx, user, id, tg.time.now())
    if n == 1 then
      n, failed = audit.record(tx, { action = action, object = id })
    end
    return n, failed
  end)
  if changed == 1 then
    hint.rights_changed()
  end
  return changed, err
end

function service.logout(user, id)
  local changed, err = end_session("sessions.logout", user, id)
  if changed == 0 then
    audit.unchanged() -- another request was faster
  end
  return changed, err
end

function service.session(user, id)
  local row, err = store.session(user, id)
  if err then
    return nil, err
  end
  if not row then
    return nil, errors.not_found("session")
  end
  return row
end

--- The living sessions of a user.
function service.sessions(user, filter)
  local now = tg.time.now()
  return store.sessions({
    user = user, now = now, idle = now - IDLE, after = filter.after and filter.after[1], limit = filter.limit,
  })
end

--- Ends one of the user's own.
function service.revoke(user, id)
  local changed, err = end_session("sessions.revoke", user, id)
  if not changed then
    return nil, err
  elseif changed == 0 then
    return nil, errors.not_found("session")
  end
  return true
end

--- Is it the user's password?
---@return true? same, table? err
function service.check_password(user, password, address)
  local now = tg.time.now()
  local buckets = throttle.buckets(user, address)
  local may, err = throttle.enter(buckets, now)
  if not may then
    return nil, err
  end
  local row
  row, err = store.password_of(user)
  if err then
    return nil, err
  end
  local same
  same, err = tg.crypto.argon2id_verify(password, row and row.password_hash or users.NOBODYS_HASH)
  if err then
    return nil, err
  elseif not same or not row then
    return nil, errors.input("/password", "is wrong")
  end
  throttle.succeeded(buckets)
  return true
end

--- The password again, or a code, before something dangerous.
---@param proof {password: string?, code: string?}
---@return integer? until_us, table? err
function service.reauthenticate(user, session, proof, address)
  local same, err
  if proof.code then
    same, err = check_factor(user, proof, address, errors.input("/code", "is wrong, or was used already"))
  else
    same, err = service.check_password(user, proof.password, address)
  end
  if not same then
    return nil, err
  end
  local now = tg.time.now()
  local done
  done, err = tg.db.transaction(function(tx)
    local marked, failed = store.reauthenticated(tx, session, now)
    if not marked then
      return nil, failed
    end
    return audit.record(tx, { action = "sessions.reauthenticate", object = session })
  end)
  if not done then
    return nil, err
  end
  return now + FRESH
end

--- Until when what was given in this session counts as just given.
---@param row table of service.session
---@return integer
function service.fresh_until(row)
  return row.reauthenticated_at + FRESH
end

--- A handler for people who have just proved who they are (app.lua: step_up). A key is nobody, and is let through.
---@param handler fun(req: table, ...): integer?, any, table?
---@return fun(req: table, ...): integer?, any, table?
function service.step_up(handler)
  return function(req, ...)
    local actor <const> = req.principal.actor
    if tg.id.is(actor, "usr") then
      local id = service.of(req)
      local row, err = nil, nil
      if id then
        row, err = store.session(actor, id)
      end
      if err then
        return nil, err
      elseif not row or service.fresh_until(row) <= tg.time.now() then
        return nil, STALE
      end
    end
    return handler(req, ...)
  end
end

--- Asks for a letter with a code, for whoever has the address; whether anybody has is not told.
---@return any done, table? err
function service.ask_reset(email, address)
  local may, err = throttle.enter(throttle.letter_buckets(users.fold(email), address), tg.time.now())
  if not may then
    return nil, err
  end
  return users.ask_reset(email)
end

--- A new password, by whoever knows the old one; every other session of theirs ends.
function service.change_password(user, session, input, address)
  local same, err = service.check_password(user, input.password, address)
  if not same then
    return nil, err
  end
  return users.change_password(user, input.new_password, session)
end

return service
