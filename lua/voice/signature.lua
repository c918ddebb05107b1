--- Does a request come from who knows the secret? Over the bytes as they came, compared in constant time.
-- Vapi: docs.vapi.ai/server-url/server-authentication, and HMACAuthenticationPlan of its OpenAPI document, whose
-- defaults are X-Signature = hex(HMAC-SHA256(secret, "{timestamp}.{body}")) and X-Timestamp.
-- Retell: docs.retellai.com/features/secure-webhook, and `verify` of its SDKs: X-Retell-Signature is v=<ms>,d=<hex of
-- HMAC-SHA256(key, body .. ms)>.
local signature = {}

local OLDEST_MS <const> = 5 * 60 * 1000
local SECONDS_BELOW <const> = 100000000000 -- an instant below it is told in seconds (until the year 5138)

--- A header's digits as an instant near now, in milliseconds; nil: none, or not near.
local function fresh(digits, now_us)
  local ms = digits and #digits <= 15 and digits:find("^%d+$") and math.tointeger(tonumber(digits))
  if not ms then
    return nil
  elseif ms < SECONDS_BELOW then
    ms = ms * 1000
  end
  return math.abs(now_us // 1000 - ms) <= OLDEST_MS and ms or nil
end

local function signed(secret, text, given)
  return tg.crypto.equal(tg.crypto.hex(tg.crypto.hmac_sha256(secret, text)), given:lower())
end

local function vapi_secret(secret, header)
  local given = header("x-vapi-secret")
  if not given then
    given = (header("authorization") or ""):match("^[Bb]earer +(%S+)$")
  end
  return given ~= nil and tg.crypto.equal(secret, given)
end

local function vapi_hmac(secret, header, body, now_us)
  local given <const>, digits <const> = header("x-signature"), header("x-timestamp")
  return given ~= nil and fresh(digits, now_us) ~= nil and signed(secret, digits .. "." .. body, given)
end

---@param how "secret"|"hmac"
---@param secret string
---@param header fun(name: string): string?
---@param now_us integer
---@return boolean
function signature.vapi(how, secret, header, body, now_us)
  if how == "hmac" then
    return vapi_hmac(secret, header, body, now_us)
  end
  return vapi_secret(secret, header)
end

---@return boolean
function signature.retell(_, secret, header, body, now_us)
  local digits, given = (header("x-retell-signature") or ""):match("^v=(%d+),d=(%x+)$")
  return given ~= nil and fresh(digits, now_us) ~= nil and signed(secret, body .. digits, given)
end

return signature
