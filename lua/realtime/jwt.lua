--- Tokens that others can check without asking us: JWT (RFC 7519) signed with Ed25519 (RFC 8037), and nothing else.
-- Strict on purpose: one algorithm, which the token does not choose; one key, named by `kid`; one audience. The
-- signature is looked at before anything in the claims is believed.
local jwt = {}

local LEN_MAX <const> = 4096
local SIGNATURE_BYTES <const> = 64
local SKEW_S <const> = 5

local function encode(value)
  return tg.crypto.base64url(tg.json.encode(value))
end

--- The name of a public key: its thumbprint (RFC 7638).
---@param public string
---@return string
function jwt.kid(public)
  local text = ('{"crv":"Ed25519","kty":"OKP","x":"%s"}'):format(tg.crypto.base64url(public))
  return tg.crypto.base64url(tg.crypto.sha256(text))
end

---@param claims table  times in whole seconds
---@param key {public: string, seed: string}
---@return string
function jwt.sign(claims, key)
  local text = encode({ alg = "EdDSA", kid = jwt.kid(key.public), typ = "JWT" }) .. "." .. encode(claims)
  return text .. "." .. tg.crypto.base64url(tg.crypto.ed25519.sign(key.seed, text))
end

local function decode_object(part)
  local bytes = tg.crypto.unbase64url(part)
  local value = bytes and bytes:sub(1, 1) == "{" and tg.json.decode(bytes) or nil
  return type(value) == "table" and value or nil
end

local function is_second(value)
  return math.type(value) == "integer"
end

local function check_claims(claims, want)
  local now <const> = want.now // 1000000
  if not is_second(claims.exp) or claims.exp <= now then
    return "it is over"
  elseif not is_second(claims.iat) or claims.iat > now + SKEW_S then
    return "it is of the future"
  elseif claims.nbf ~= nil and (not is_second(claims.nbf) or claims.nbf > now + SKEW_S) then
    return "it is not valid yet"
  elseif claims.aud ~= want.audience or claims.iss ~= want.issuer then
    return "it is not for here"
  elseif type(claims.sub) ~= "string" or claims.sub == "" then
    return "it is nobody's"
  end
end

--- What a token says; nil and why not.
---@param text string
---@param find_key fun(kid: string): string?  the public key of this name
---@param want {now: integer, audience: string, issuer: string}
---@return table? claims, string? why
function jwt.verify(text, find_key, want)
  if type(text) ~= "string" or #text > LEN_MAX then
    return nil, "it is too long"
  end
  local head, body, signature = text:match("^([%w%-_]+)%.([%w%-_]+)%.([%w%-_]+)$")
  local header = head and decode_object(head)
  if not header or header.alg ~= "EdDSA" or type(header.kid) ~= "string" or header.crit ~= nil
    or (header.typ ~= nil and header.typ ~= "JWT") then
    return nil, "it is no token of ours"
  end
  local public, bytes = find_key(header.kid), tg.crypto.unbase64url(signature)
  if not public then
    return nil, "its key is not known"
  elseif not bytes or #bytes ~= SIGNATURE_BYTES
    or not tg.crypto.ed25519.verify(public, head .. "." .. body, bytes) then
    return nil, "its signature is wrong"
  end
  local claims = decode_object(body)
  local why = not claims and "its claims are no object" or check_claims(claims, want)
  if why then
    return nil, why
  end
  return claims
end

return jwt
