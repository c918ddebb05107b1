--- Requests about realtime tokens.
local service = require("realtime.service")
local sessions = require("sessions.service")
local show = require("core.show")

local handler = {}

--- POST /v1/realtime/token
function handler.create_token(req)
  local session, ends_at = sessions.of(req), nil
  if session then
    local row, err = sessions.session(req.principal.actor, session)
    if not row then
      return nil, err
    end
    ends_at = row.expires_at
  end
  local token, expires_at = service.token(req.principal, session, ends_at)
  if not token then
    return nil, expires_at
  end
  return 200, { token = token, expires_at = show.time(expires_at) }, { ["cache-control"] = "no-store" }
end

--- GET /.well-known/jwks.json
function handler.keys()
  local keys, err = service.public_keys()
  if not keys then
    return nil, err
  end
  local list = tg.json.array({})
  for i, key in ipairs(keys) do
    list[i] = {
      kty = "OKP", crv = "Ed25519", alg = "EdDSA", use = "sig", kid = key.kid, x = tg.crypto.base64url(key.public),
    }
  end
  return 200, { keys = list }, { ["cache-control"] = "public, max-age=300" }
end

return handler
