--- Shapes of the requests about alerts.
local kinds = require("alerts.kinds")
local page = require("core.page")
local v = require("core.validate")

local schema = {}

schema.STATES = { "open", "acknowledged", "cleared" }
schema.SEVERITIES = { "info", "warning", "critical" }
schema.KINDS = {}
for name in pairs(kinds) do
  schema.KINDS[#schema.KINDS + 1] = name
end
table.sort(schema.KINDS)

schema.list = page.query({
  state = v.optional(v.enum(schema.STATES)),
  kind = v.optional(v.enum(schema.KINDS)),
  object = v.optional(v.string({ min = 1, max = 200 })),
  company = v.optional(v.id("co")),
})

return schema
