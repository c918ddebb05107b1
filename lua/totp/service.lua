--- A second factor: the codes of an authenticator, and ten recovery codes for the day it is lost.
-- Begun (the secret is shown once), confirmed with a first code, then asked for at every login. A code is taken once.
-- Recovery codes are kept as an HMAC with the user's secret, so that a copy of the database gives none of them away.
local audit = require("audit.service")
local code = require("totp.code")
local errors = require("core.errors")
local hint = require("core.hint")
local secrets = require("secrets.service")
local store = require("totp.store")
local users = require("users.service")

local service = {}

local SECRET <const> = "totp" -- the name of the sealed value
local SECRET_BYTES <const> = 20
local N_RECOVERY <const> = 10
local RECOVERY_BYTES <const> = 10

local IS_ON <const> = errors.conflict("totp_on", "The second factor is on already: turn it off first.")
local NOT_BEGUN <const> = errors.conflict("totp_not_begun", "There is no second factor to confirm: begin with one.")
local NOT_ON <const> = errors.conflict("totp_off", "There is no second factor.")

--- What is known of a user's second factor.
---@return {enabled: boolean, recovery_codes_left: integer}? state, table? err
function service.state(user)
  local row, err = store.state(user)
  if err then
    return nil, err
  end
  local on <const> = row ~= nil and row.state == "on"
  return { enabled = on, recovery_codes_left = on and row.n_codes or 0 }
end

--- Begins: a fresh secret, shown this once. Begun again, the one before is forgotten.
---@return {secret: string, uri: string}? shown, table? err
function service.begin(user, account)
  local ready, err = secrets.ready()
  if not ready then
    return nil, err
  end
  local secret = tg.crypto.random(SECRET_BYTES)
  local done
  done, err = tg.db.transaction(function(tx)
    local begun, failed = store.begin(tx, user, tg.time.now())
    local row = nil
    if begun then
      row, failed = store.locked(tx, user)
    end
    if not row then
      return nil, failed
    elseif row.state == "on" then
      return nil, IS_ON
    end
    local put
    put, failed = secrets.put(tx, { owner = user, name = SECRET, text = secret })
    if not put then
      return nil, failed
    end
    return audit.record(tx, { action = "totp.begin", object = user })
  end)
  if not done then
    return nil, err
  end
  return { secret = code.base32(secret), uri = code.uri(secret, account) }
end

-- "k3vq-…" without what people add or change when they copy: case, dashes, spaces.
local function fold(text)
  return (text:gsub("[%s%-]", ""):upper())
end

local function hash_of(secret, recovery_code)
  return tg.crypto.hex(tg.crypto.hmac_sha256(secret, "recovery " .. fold(recovery_code)))
end

local function new_codes(secret)
  local codes, hashes = {}, {}
  for i = 1, N_RECOVERY do
    codes[i] = code.base32(tg.crypto.random(RECOVERY_BYTES)):lower():gsub("....", "%0-"):sub(1, -2)
    hashes[i] = hash_of(secret, codes[i])
  end
  return codes, hashes
end

-- Who signed in without it, or with what is no factor any more, signs in anew.
local function record(tx, user, action, session)
  local done, err = users.end_other_sessions(tx, user, session)
  if done then
    done, err = audit.record(tx, { action = action, object = user })
  end
  return done, err
end

--- Confirms with a first code: from now on it is asked for, and every other session ends.
---@return string[]? recovery_codes shown this once, table? err
function service.confirm(user, text, session)
  local codes, hashes
  local done, err = tg.db.transaction(function(tx)
    local now <const> = tg.time.now()
    local row, failed = store.locked(tx, user)
    local secret = nil
    if row and row.state == "pending" then
      secret, failed = secrets.get(user, SECRET, tx)
    end
    if failed or not secret then
      return nil, failed or (row and row.state == "on" and IS_ON or NOT_BEGUN)
    end
    local step = code.find(secret, text, now, row.last_step)
    if not step then
      return nil, errors.input("/code", "is not the code of this moment")
    end
    codes, hashes = new_codes(secret)
    local confirmed
    confirmed, failed = store.confirm(tx, user, step, now)
    if confirmed then
      confirmed, failed = store.replace_codes(tx, user, hashes)
    end
    if confirmed then
      confirmed, failed = record(tx, user, "totp.confirm", session)
    end
    return confirmed, failed
  end)
  hint.rights_changed()
  return done and codes, err
end

local function secret_if_on(user)
  local row, err = store.state(user)
  if err then
    return nil, err
  elseif not row or row.state ~= "on" then
    return nil
  end
  local secret
  secret, err = secrets.get(user, SECRET)
  return secret, err, row
end

--- Is this a code of this moment, or a recovery code, that was not used? It is then.
---@param proof {code: string?, recovery_code: string?}
---@return boolean? proved, table? err
function service.prove(user, proof)
  local secret, err, row = secret_if_on(user)
  if err then
    return nil, err
  elseif not secret then
    return false
  end
  local taken
  if proof.code then
    local step = code.find(secret, proof.code, tg.time.now(), row.last_step)
    if not step then
      return false
    end
    taken, err = store.take_step(user, step)
  else
    taken, err = store.take_code(user, hash_of(secret, proof.recovery_code), tg.time.now())
  end
  return taken and taken > 0, err
end

--- Ten fresh recovery codes; the ones before are worth nothing.
---@return string[]? recovery_codes, table? err
function service.renew_codes(user)
  local secret, err = secret_if_on(user)
  if not secret then
    return nil, err or NOT_ON
  end
  local codes, hashes = new_codes(secret)
  local done
  done, err = tg.db.transaction(function(tx)
    local row, failed = store.locked(tx, user)
    if not row or row.state ~= "on" then
      return nil, failed or NOT_ON
    end
    local replaced
    replaced, failed = store.replace_codes(tx, user, hashes)
    if not replaced then
      return nil, failed
    end
    return audit.record(tx, { action = "totp.renew_codes", object = user })
  end)
  return done and codes, err
end

--- Turns it off, forgets the secret and ends every other session. Nothing is opened for it: it also helps who has lost
--- the master key.
---@param action string for the audit log: "totp.disable", or that somebody else took it away
---@param session string? that stays
---@return true? done, table? err
function service.disable(user, action, session)
  local done, err = tg.db.transaction(function(tx)
    local row, failed = store.locked(tx, user)
    if failed or not row then
      return nil, failed or NOT_ON
    end
    local gone
    gone, failed = store.delete(tx, user)
    if gone then
      gone, failed = secrets.forget(tx, user, SECRET)
    end
    if gone then
      gone, failed = record(tx, user, action, session)
    end
    return gone, failed
  end)
  hint.rights_changed()
  return done and true, err
end

return service
