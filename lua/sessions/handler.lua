--- Requests about signing in.
local errors = require("core.errors")
local page = require("core.page")
local request = require("core.request")
local schema = require("sessions.schema")
local service = require("sessions.service")
local show = require("core.show")
local users = require("users.service")
local v = require("core.validate")

local handler = {}

local function origin_of(req)
  return { address = req.remote, agent = req:header("user-agent") }
end

local function show_session(row, own)
  return {
    id = row.id, address = row.address, user_agent = row.user_agent, created_at = show.time(row.created_at),
    seen_at = show.time(row.seen_at), expires_at = show.time(row.expires_at), is_this = row.id == own,
  }
end

-- A cookie needs TLS or a machine that talks to itself, and a page of ours: another page could sign somebody in as
-- somebody else. Browsers say whose page it was.
local function check_cookie(req, wanted)
  if not wanted then
    return true
  end
  local site = req:header("sec-fetch-site")
  if not req.cookie_name then
    return nil, errors.input("/cookie", "needs https")
  elseif site and site ~= "same-origin" and site ~= "none" then
    return nil, errors.denied("A page of another origin does not sign anybody in.")
  end
  return true
end

-- The cookie is what a browser keeps of a session; without a text it forgets it.
local function set_cookie(req, text, life_s)
  local secure = req.cookie_name:find("^__Host%-") and "; Secure" or ""
  return ("%s=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax%s"):format(req.cookie_name, text or "", life_s, secure)
end

-- What somebody gets who has signed in.
local function show_signed_in(req, signed_in, in_cookie)
  local session, user = signed_in.session, signed_in.user
  local body = {
    token = not in_cookie and session.token or nil, csrf = service.csrf(session.token), session = session.id,
    expires_at = show.time(session.expires_at), mfa_required = false,
    user = { id = user.id, company = user.company, email = user.email, name = user.name },
  }
  local headers = { ["cache-control"] = "no-store" }
  if in_cookie and req.cookie_name then -- nobody is there to get it when the client has left
    headers["set-cookie"] = set_cookie(req, session.token, (session.expires_at - tg.time.now()) // 1000000)
  end
  return 200, body, headers
end

--- POST /v1/auth/login
function handler.login(req)
  local input, err = request.body(req, schema.login)
  if not input then
    return nil, err
  end
  local may
  may, err = check_cookie(req, input.cookie)
  if not may then
    return nil, err
  end
  local signed_in
  signed_in, err = service.login(input, origin_of(req))
  if not signed_in then
    return nil, err
  elseif signed_in.ticket then
    return 200, { mfa_required = true, ticket = signed_in.ticket }, { ["cache-control"] = "no-store" }
  end
  return show_signed_in(req, signed_in, input.cookie)
end

--- POST /v1/auth/login/totp
function handler.login_totp(req)
  local input, err = request.body(req, schema.login_totp)
  if not input then
    return nil, err
  end
  local may
  may, err = check_cookie(req, input.cookie)
  if not may then
    return nil, err
  end
  local signed_in
  signed_in, err = service.login_totp(input, origin_of(req))
  if not signed_in then
    return nil, err
  end
  return show_signed_in(req, signed_in, input.cookie)
end

--- POST /v1/auth/logout
function handler.logout(req)
  local id, err = service.own(req)
  if not id then
    return nil, err
  end
  local done
  done, err = service.logout(req.principal.actor, id)
  if not done then
    return nil, err
  end
  return 204, nil, req.cookie_name and { ["set-cookie"] = set_cookie(req, nil, 0) } or nil
end

--- POST /v1/auth/reauthenticate
function handler.reauthenticate(req)
  local id, err = service.own(req)
  if not id then
    return nil, err
  end
  local input
  input, err = request.body(req, schema.reauthenticate)
  if not input then
    return nil, err
  end
  local fresh_until
  fresh_until, err = service.reauthenticate(req.principal.actor, id, input, req.remote)
  if not fresh_until then
    return nil, err
  end
  return 200, { fresh_until = show.time(fresh_until) }
end

--- PUT /v1/auth/password
function handler.change_password(req)
  local id, err = service.own(req)
  if not id then
    return nil, err
  end
  local input
  input, err = request.body(req, schema.change_password)
  if not input then
    return nil, err
  end
  local done
  done, err = service.change_password(req.principal.actor, id, input, req.remote)
  if not done then
    return nil, err
  end
  return 204
end

--- POST /v1/auth/reset
function handler.ask_reset(req)
  local input, err = request.body(req, schema.ask_reset)
  if not input then
    return nil, err
  end
  local done
  done, err = service.ask_reset(input.email, req.remote)
  if done == nil then
    return nil, err
  end
  return 202, { message = "If somebody has this address, a letter with a code is on its way." }
end

--- POST /v1/auth/password
function handler.choose_password(req)
  local input, err = request.body(req, schema.choose_password)
  if not input then
    return nil, err
  end
  local done
  done, err = users.choose_password(input.code, input.password)
  if not done then
    return nil, err
  end
  return 204
end

--- GET /v1/sessions
function handler.sessions(req)
  local own, err = service.own(req)
  if not own then
    return nil, err
  end
  local query, limit = request.list(req, schema.list, { "ses" })
  if not query then
    return nil, limit
  end
  local rows
  rows, err = service.sessions(req.principal.actor, query)
  if not rows then
    return nil, err
  end
  return 200, page.answer(rows, limit, function(row)
    return show_session(row, own)
  end, function(row)
    return { row.id }
  end)
end

--- DELETE /v1/sessions/{id}
function handler.revoke(req)
  local id, err = v.path_id(req.params.id, "ses", "session")
  if not id then
    return nil, err
  end
  local done
  done, err = service.revoke(req.principal.actor, id)
  if not done then
    return nil, err
  end
  return 204
end

return handler
