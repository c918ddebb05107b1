--- Secrets that must be kept as they are: second factors, signing keys, credentials of providers.
-- Each is a value of a row (its owner) under a name, sealed under the newest master key. It opens in its own place
-- only: copied into another's row it is worth nothing. What can be kept as a hash is not kept here.
local store = require("secrets.store")

local service = {}

local AT_ONCE <const> = 100

local MISSING <const> = {
  code = "busy", status = 503, type = "master_key_missing",
  detail = "This needs a master key, and the server has none: see tollgate.master-key.",
}
local UNREADABLE <const> = {
  code = "busy", status = 503, type = "secret_unreadable",
  detail = "A secret that this needs cannot be opened: the operator finds the reason in the log.",
}

-- The same for whatever prefix the owner is written with.
local function purpose(owner, name)
  return ("%s/%s"):format(name, owner:match("_(%w+)$"))
end

--- Is there a master key?
---@return true? ready, table? err
function service.ready()
  if tg.secrets.newest() then
    return true
  end
  return nil, MISSING
end

--- Keeps a secret, in the transaction of its owner's row.
---@param value {owner: string, name: string, text: string}
function service.put(tx, value)
  local ready, err = service.ready()
  if not ready then
    return nil, err
  end
  local sealed
  sealed, err = tg.secrets.seal(value.text, purpose(value.owner, value.name))
  if not sealed then
    return nil, err
  end
  return store.put(tx, {
    owner = value.owner, name = value.name, key = tg.secrets.newest(), sealed = sealed, now = tg.time.now(),
  })
end

local function open(owner, name, sealed)
  local text, err = tg.secrets.open(sealed, purpose(owner, name))
  if text then
    return text
  end
  tg.log.error("secrets_value_unreadable", { owner = owner, secret = name, error = err.detail })
  return nil, UNREADABLE
end

--- A secret; nil, nil: there is none.
---@return string? text, table? err
function service.get(owner, name, tx)
  local row, err = store.get(owner, name, tx)
  if not row then
    return nil, err
  end
  local ready
  ready, err = service.ready()
  if not ready then
    return nil, err
  end
  return open(owner, name, row.sealed)
end

function service.forget(tx, owner, name)
  return store.forget(tx, owner, name)
end

--- Seals a text that is given away and comes back: a ticket. It says nothing to who carries it.
---@param purpose_of_it string
---@return string? sealed, table? err
function service.seal(text, purpose_of_it)
  local ready, err = service.ready()
  if not ready then
    return nil, err
  end
  local sealed
  sealed, err = tg.secrets.seal(text, "ticket/" .. purpose_of_it)
  return sealed and tg.crypto.base64url(sealed), err
end

--- What was sealed; nil when it was not, by us and for this.
---@return string? text
function service.unseal(text, purpose_of_it)
  local sealed = service.ready() and tg.crypto.unbase64url(text)
  return sealed and (tg.secrets.open(sealed, "ticket/" .. purpose_of_it)) or nil
end

-- One row under the newest key: true, false when it cannot be opened.
local function renew(row, newest)
  local text = open(row.owner, row.name, row.sealed)
  if not text then
    return false
  end
  local sealed, err = tg.secrets.seal(text, purpose(row.owner, row.name))
  if not sealed then
    return nil, err
  end
  local done
  done, err = store.replace({
    owner = row.owner, name = row.name, key = newest, sealed = sealed, was = row.sealed, now = tg.time.now(),
  })
  return done and true, err
end

--- Seals anew whatever an older master key has sealed. Each row is a step of its own, so it can end anywhere and be
--- said again; what was done is not looked at again.
---@return integer? n how many, table? err
function service.rotate()
  local newest, n, n_unreadable, last = tg.secrets.newest(), 0, 0, nil
  repeat
    local rows, err = store.older(newest, last, AT_ONCE)
    if not rows then
      return nil, err
    end
    for _, row in ipairs(rows) do
      local renewed
      renewed, err = renew(row, newest)
      if renewed == nil then
        return nil, err
      end
      n, n_unreadable = n + (renewed and 1 or 0), n_unreadable + (renewed and 0 or 1)
      last = row
    end
  until #rows < AT_ONCE
  if n_unreadable > 0 then
    local detail = ("%d sealed anew; %d cannot be opened with these keys"):format(n, n_unreadable)
    return nil, { code = "input", detail = detail }
  end
  return n
end

return service
