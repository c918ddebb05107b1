--- What the operator's command line does that no request may: making a platform, the root of a tree of companies.
local audit = require("audit.service")
local errors = require("core.errors")
local store = require("identity.store")
local token = require("identity.token")
local v = require("core.validate")

local admin = {}

local shape <const> = v.object({
  name = v.string({ min = 1, max = 200 }),
  currency = v.currency(),
  timezone = v.optional(v.timezone()),
})

--- Creates a platform company with a wallet and a key that may do everything.
---@param options {name: string, currency: string, timezone: string?}
---@return {company: string, key: string}? made, table? err  conflict when there is a platform of this name
function admin.create_platform(options)
  local input, err = v.check(shape, options)
  if not input then
    return nil, err
  end
  local now, made = tg.time.now(), token.new("key")
  local platform = {
    id = tg.id.new("co"), wallet = tg.id.new("wal"), name = input.name, currency = input.currency,
    timezone = input.timezone or "UTC", now = now,
  }
  local key = {
    company = platform.id, id = made.id, name = "first key", hash = made.hash, now = now,
    permissions = tg.json.array({ "*" }),
  }
  local done
  done, err = tg.db.transaction(function(tx)
    local existing, find_err = store.platform_by_name(tx, platform.name)
    if find_err then
      return nil, find_err
    elseif existing then
      local says = ("There is a platform named %s: %s."):format(input.name, existing.id)
      return nil, errors.conflict("platform_exists", says)
    end
    local inserted, insert_err = store.insert_platform(tx, platform, key)
    if not inserted then
      return nil, insert_err
    end
    return audit.record(tx, {
      action = "company.create_platform", company = platform.id, object = platform.id, after = input,
    })
  end)
  if not done then
    return nil, err
  end
  return { company = platform.id, key = made.text }
end

return admin
