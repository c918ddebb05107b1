--- Shapes of what a company forbids beyond what its roles leave out: what the rule rbac.authorize takes as `policy`.
local permissions = require("identity.permissions")
local roles = require("users.roles")
local v = require("core.validate")

local schema = {}

local ENTRIES_MAX <const> = 50 -- of each list

-- "*": each that is no :read.
local function permission(also)
  local says <const> = "must be a permission, such as wallets:write, or *"
  local json = { type = "string", examples = { "wallets:write" } }
  return v.shape(json, function(value, pointer, faults)
    if value == "*" or (type(value) == "string" and permissions.meanings()[value] and also(value)) then
      return value
    end
    faults[#faults + 1] = { pointer = pointer, detail = says }
  end)
end

local any <const> = permission(function()
  return true
end)
local writes <const> = permission(function(name)
  return name:sub(-5) ~= ":read"
end)

local role <const> = v.shape({ type = "string", examples = { "finance" } }, function(value, pointer, faults)
  if type(value) ~= "string" or not (roles.BUILT_IN[value] or tg.id.is(value, "rol")) then
    faults[#faults + 1] = { pointer = pointer, detail = "must be a built-in role, or rol_…" }
    return nil
  end
  return value
end)

local amount <const> = v.object({
  permission = writes, currency = v.currency(), max = v.described(v.decimal(), "that may be moved at once"),
  role = v.optional(v.described(role, "only for whoever has it; several limits: the highest of one's own")),
})

local hours <const> = v.object({
  permission = any, days = v.described(v.list(v.integer(1, 7), { min = 1, max = 7 }), "1 is Monday"),
  from = v.clock(), to = v.described(v.clock(), "not after `from`: of the next day"),
})

--- What a company forbids its own people and keys, wherever they act.
schema.policies = v.object({
  timezone = v.optional(v.described(v.timezone(), "of the hours; UTC")),
  amounts = v.optional(v.list(amount, { max = ENTRIES_MAX })),
  hours = v.optional(v.described(v.list(hours, { max = ENTRIES_MAX }), "when it is allowed: in one of them")),
  own_only = v.optional(v.described(v.list(writes, { max = ENTRIES_MAX }), "not in companies below")),
  fresh = v.optional(v.described(
    v.list(any, { max = ENTRIES_MAX }), "a person must have given their password or a code in the last ten minutes"
  )),
})

return schema
