--- Tokens for realtime connections, and the keys that sign them.
-- A key is published an hour before it signs, signs for thirty days, and verifies until the last token that it has
-- signed is over: who checks tokens with a /.well-known/jwks.json of some minutes ago meets no key that is not in it.
local jwt = require("realtime.jwt")
local secrets = require("secrets.service")
local store = require("realtime.store")

local service = {}

local SECOND <const> = 1000000
local HOUR <const> = 3600 * SECOND
local TOKEN_LIFE <const> = 5 * 60 * SECOND
local SIGNS_FOR <const> = 30 * 24 * HOUR
local SHOWN_BEFORE <const> = HOUR
local SEED <const> = "jwt" -- the name of the sealed value

service.ISSUER = "tollgate"
service.AUDIENCE = "tollgate:realtime"

-- The one that signs now; nil: none may yet.
local function signing_key(rows, now)
  for _, row in ipairs(rows) do
    if row.signs_from <= now then
      return row
    end
  end
end

local function make_key(now, signs_from)
  local ready, err = secrets.ready()
  if not ready then
    return nil, err
  end
  local id = tg.id.new("jwk")
  local seed, public = tg.crypto.ed25519.keypair()
  local done
  done, err = tg.db.transaction(function(tx)
    local inserted, failed = store.insert(tx, { id = id, public = public, now = now, signs_from = signs_from })
    if not inserted then
      return nil, failed
    end
    return secrets.put(tx, { owner = id, name = SEED, text = seed })
  end)
  return done and { id = id, public_key = public, signs_from = signs_from }, err
end

-- The key that signs now, with its seed. The very first one signs at once: nobody knows another.
local function current(now)
  local rows, err = store.keys()
  if not rows then
    return nil, err
  end
  local row = signing_key(rows, now)
  if not row then
    row, err = make_key(now, now)
  end
  if not row then
    return nil, err
  end
  local seed
  seed, err = secrets.get(row.id, SEED)
  if not seed then
    return nil, err or { code = "bug", detail = "a signing key without its seed: " .. row.id }
  end
  return { public = row.public_key, seed = seed }
end

--- A token for whoever asks, for five minutes at most.
---@param principal {company: string, actor: string}
---@param session string? that it ends with
---@param ends_at integer? when the session ends
---@return string? token, integer|table expires_at_or_err
function service.token(principal, session, ends_at)
  local key, err = current(tg.time.now())
  if not key then
    return nil, err
  end
  local now = tg.time.now() // SECOND * SECOND
  local expires_at = math.min(now + TOKEN_LIFE, (ends_at or math.maxinteger) // SECOND * SECOND)
  local token = jwt.sign({
    iss = service.ISSUER, aud = service.AUDIENCE, sub = principal.actor, sid = session, co = principal.company,
    iat = now // SECOND, exp = expires_at // SECOND,
  }, key)
  return token, expires_at
end

--- The keys that verify, the youngest first.
---@return {kid: string, public: string}[]? keys, table? err
function service.public_keys()
  local rows, err = store.keys()
  if not rows then
    return nil, err
  end
  local keys = {}
  for i, row in ipairs(rows) do
    keys[i] = { kid = jwt.kid(row.public_key), public = row.public_key }
  end
  return keys
end

--- What a token of ours says.
---@return table? claims, string|table? why
function service.verify(text)
  local keys, err = service.public_keys()
  if not keys then
    return nil, err
  end
  local function find_key(kid)
    for _, key in ipairs(keys) do
      if key.kid == kid then
        return key.public
      end
    end
  end
  return jwt.verify(text, find_key, { now = tg.time.now(), audience = service.AUDIENCE, issuer = service.ISSUER })
end

-- Keys that no living token was signed with: another has signed for longer than a token lives.
local function delete_old(rows, now)
  local is_over = false
  for _, row in ipairs(rows) do
    if is_over then
      local done, err = tg.db.transaction(function(tx)
        local deleted, failed = store.delete(tx, row.id)
        if not deleted then
          return nil, failed
        end
        return secrets.forget(tx, row.id, SEED)
      end)
      if not done then
        return nil, err
      end
    end
    is_over = is_over or row.signs_from + TOKEN_LIFE + SHOWN_BEFORE < now
  end
  return true
end

--- Makes the next key in time, and takes away those that are past. Called every hour.
function service.rotate()
  local now = tg.time.now()
  local rows, err = store.keys()
  if not rows then
    return nil, err
  elseif not rows[1] then
    return true -- the first token makes the first key
  end
  if rows[1].signs_from + SIGNS_FOR - SHOWN_BEFORE <= now then
    local made
    made, err = make_key(now, now + SHOWN_BEFORE)
    if not made then
      return nil, err
    end
  end
  return delete_old(rows, now)
end

return service
