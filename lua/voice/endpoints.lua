--- Voice endpoints: made, changed, taken away. What a provider proves itself with is sealed, and never shown.
local audit = require("audit.service")
local errors = require("core.errors")
local etag = require("core.etag")
local identity = require("identity.service")
local schema = require("voice.schema")
local secrets = require("secrets.service")
local store = require("voice.store")

local endpoints = {}

local SECRET <const> = "webhook" -- the name of the sealed value
local RETELL_MINUTES_MAX <const> = 120

-- What only one of the providers has.
local function check(provider, settings)
  if provider ~= "retell" then
    return true
  elseif settings.max_minutes > RETELL_MINUTES_MAX then
    return nil, errors.input("/max_minutes", "must be at most 120 with Retell")
  elseif settings.authentication == "hmac" or settings.reject_message or settings.reject_forward_to then
    local field <const> = settings.authentication == "hmac" and "authentication"
      or settings.reject_message and "reject_message" or "reject_forward_to"
    return nil, errors.input("/" .. field, "is Vapi's")
  end
  return true
end

local function check_company(id)
  local company, err = identity.company(id)
  if not company then
    return nil, err and err.code == "not_found" and errors.input("/company", "is none of yours") or err
  end
  return true
end

---@param input table of schema.endpoint
---@param own string the caller's company
---@param record fun(tx: table, row: table): any, table? last thing in the transaction
---@return table? endpoint, table? err
function endpoints.create(input, own, record)
  local settings <const>, company <const> = schema.settings_of(input), input.company or own
  local good, err = check(input.provider, settings)
  if good then
    good, err = check_company(company)
  end
  if not good then
    return nil, err
  end
  local id <const>, now <const> = tg.id.new("voi"), tg.time.now()
  local recorded <const> = audit.recorder({
    action = "voice.create_endpoint",
    after = { company = company, provider = input.provider, name = input.name, settings = settings },
  }, record)
  return tg.db.transaction(function(tx)
    local done, failed = store.insert(tx, {
      id = id, company = company, provider = input.provider, name = input.name, settings = settings, now = now,
    })
    if done then
      done, failed = secrets.put(tx, { owner = id, name = SECRET, text = input.secret })
    end
    local row
    if done then
      row, failed = store.endpoint(id, tx)
    end
    if row then
      done, failed = recorded(tx, row)
    end
    return row and done and row, failed
  end)
end

---@return table? endpoint, table? err
function endpoints.endpoint(id)
  local row, err = store.endpoint(id)
  if not row and not err then
    err = errors.not_found("voice endpoint")
  end
  return row, err
end

endpoints.list = store.endpoints

--- Its name and settings, all of them.
---@param input table of schema.endpoint_settings
---@param expected integer? as etag.expected says
function endpoints.change(id, input, expected)
  local settings <const> = schema.settings_of(input)
  local row, err = endpoints.endpoint(id)
  local good
  if row then
    good, err = check(row.provider, settings)
  end
  if not good then
    return nil, err
  end
  local changed
  changed, err = tg.db.transaction(function(tx)
    local done, failed = store.update(tx, {
      id = id, name = input.name, settings = settings, now = tg.time.now(), expected = expected,
    })
    if done == 0 then
      return nil, etag.CHANGED
    elseif done then
      done, failed = audit.record(tx, {
        action = "voice.change_endpoint", object = id, before = { name = row.name, settings = row.settings },
        after = { name = input.name, settings = settings },
      })
    end
    return done, failed
  end)
  if not changed then
    return nil, err
  end
  return endpoints.endpoint(id)
end

--- Another secret; the one before is good for nothing from now on.
function endpoints.set_secret(id, secret)
  local row, err = endpoints.endpoint(id)
  if not row then
    return nil, err
  end
  return tg.db.transaction(function(tx)
    local done, failed = secrets.put(tx, { owner = id, name = SECRET, text = secret })
    if done then
      done, failed = audit.record(tx, { action = "voice.set_endpoint_secret", object = id })
    end
    return done, failed
  end)
end

function endpoints.delete(id)
  local row, err = endpoints.endpoint(id)
  if not row then
    return nil, err
  end
  return tg.db.transaction(function(tx)
    local done, failed = store.delete(tx, id)
    if done then
      done, failed = secrets.forget(tx, id, SECRET)
    end
    if done then
      done, failed = audit.record(tx, {
        action = "voice.delete_endpoint", object = id,
        before = { company = row.company, provider = row.provider, name = row.name, settings = row.settings },
      })
    end
    return done, failed
  end)
end

--- The endpoint that a provider has written to, and what it must know.
---@return {id: string, company: string, settings: table}? endpoint, string|table secret_or_err
function endpoints.addressed(id, provider)
  local row, err = store.addressed(id, provider)
  local secret
  if row then
    secret, err = secrets.get(id, SECRET)
  end
  if not secret then
    return nil, err or errors.not_found("voice endpoint")
  end
  return row, secret
end

return endpoints
