--- Requests about one's own second factor.
local request = require("core.request")
local schema = require("totp.schema")
local service = require("totp.service")
local sessions = require("sessions.service")
local users = require("users.service")
local v = require("core.validate")

local handler = {}

local NO_STORE <const> = { ["cache-control"] = "no-store" }

--- POST /v1/auth/totp
function handler.begin(req)
  local session, err = sessions.own(req)
  if not session then
    return nil, err
  end
  local user
  user, err = users.own_user(req.principal.actor)
  if not user then
    return nil, err
  end
  local shown
  shown, err = service.begin(user.id, user.email)
  if not shown then
    return nil, err
  end
  return 200, { secret = shown.secret, uri = shown.uri }, NO_STORE
end

local function show_codes(codes)
  return 200, { recovery_codes = tg.json.array(codes) }, NO_STORE
end

--- POST /v1/auth/totp/confirm
function handler.confirm(req)
  local session, err = sessions.own(req)
  if not session then
    return nil, err
  end
  local input
  input, err = request.body(req, schema.confirm)
  if not input then
    return nil, err
  end
  local codes
  codes, err = service.confirm(req.principal.actor, input.code, session)
  if not codes then
    return nil, err
  end
  return show_codes(codes)
end

--- POST /v1/auth/totp/recovery-codes
function handler.renew_codes(req)
  local session, err = sessions.own(req)
  if not session then
    return nil, err
  end
  local codes
  codes, err = service.renew_codes(req.principal.actor)
  if not codes then
    return nil, err
  end
  return show_codes(codes)
end

--- POST /v1/auth/totp/disable
function handler.disable(req)
  local session, err = sessions.own(req)
  if not session then
    return nil, err
  end
  local input
  input, err = request.body(req, schema.disable)
  if not input then
    return nil, err
  end
  local same
  same, err = sessions.check_password(req.principal.actor, input.password, req.remote)
  if not same then
    return nil, err
  end
  local done
  done, err = service.disable(req.principal.actor, "totp.disable", session)
  if not done then
    return nil, err
  end
  return 204
end

--- DELETE /v1/users/{id}/totp
function handler.take_away(req)
  local id, err = v.path_id(req.params.id, "usr", "user")
  if not id then
    return nil, err
  end
  local user
  user, err = users.changeable(id, req.principal)
  if not user then
    return nil, err
  end
  local done
  done, err = service.disable(user.id, "totp.take_away")
  if not done then
    return nil, err
  end
  return 204
end

return handler
