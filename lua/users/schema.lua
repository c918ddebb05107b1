--- Shapes of the requests about people and roles.
local identity = require("identity.schema")
local page = require("core.page")
local roles = require("users.roles")
local v = require("core.validate")

local schema = {}

local name <const> = v.string({ min = 1, max = 200 })

-- What is surely no address is refused; whether it is one, the letter tells. 254: RFC 5321.
schema.email = v.string({
  min = 3, max = 254, pattern = "^[^%s@<>]+@[^%s@<>.]+%.[^%s@<>]+$", regex = "^[^\\s@<>]+@[^\\s@<>.]+\\.[^\\s@<>]+$",
  says = "must be an e-mail address",
})

--- A password: length is all that is asked for (NIST SP 800-63B).
schema.password = v.string({ min = 12, max = 256 })

-- "owner", or a role of the company's own.
local role_json <const> = {
  type = "string", examples = { "owner" }, description = "one of " .. table.concat(roles.names(), ", ") .. ", or rol_…",
}
local role <const> = v.shape(role_json, function(value, pointer, faults)
  if type(value) ~= "string" or not (roles.BUILT_IN[value] or tg.id.is(value, "rol")) then
    faults[#faults + 1] = { pointer = pointer, detail = "must be " .. role_json.description }
    return nil
  end
  return value
end)

local role_list <const> = v.list(
  v.object({ role = role, company = v.optional(v.id("co")) }), { max = 50 }
)

schema.user_create = v.object({
  invite = v.optional(v.described(v.boolean(), "false: no letter is sent, until POST /v1/users/{id}/invitation")),
  email = schema.email,
  name = name,
  company = v.optional(v.id("co")),
  roles = v.optional(role_list),
})

schema.user_change = v.object({
  name = v.optional(name),
  status = v.optional(v.enum({ "active", "disabled" })),
  roles = v.optional(role_list),
})

schema.user_list = page.sorted({
  company = v.optional(v.id("co")),
  status = v.optional(v.enum({ "invited", "active", "disabled" })),
  q = v.optional(v.described(v.string({ min = 1, max = 100 }), "a part of the name or of the address, in any case")),
})

local permission <const> = identity.permission

schema.role_create = v.object({
  name = v.string({ min = 1, max = 100 }),
  permissions = v.list(permission, { min = 1, max = 100 }),
  company = v.optional(v.id("co")),
})

schema.role_change = v.object({
  name = v.optional(v.string({ min = 1, max = 100 })),
  permissions = v.optional(v.list(permission, { min = 1, max = 100 })),
})

schema.role_list = page.sorted({ company = v.optional(v.id("co")) })

schema.permission_check = v.object({
  permission = permission,
  actor = v.optional(v.string({ min = 1, max = 40 })),
  company = v.optional(v.id("co")),
  amount = v.optional(v.decimal()),
  currency = v.optional(v.currency()),
})

return schema
