--- Shapes of the requests about the audit log.
local export = require("core.export")
local page = require("core.page")
local v = require("core.validate")

local schema = {}

local actor <const> = v.string({
  min = 1, max = 64, pattern = "^%l+_%w+$", regex = "^[a-z]+_[0-9A-Za-z]+$", says = "must be the id of a user or a key",
})
local action <const> = v.string({
  min = 1, max = 64, pattern = "^%l[%l_]*%.%l[%l_]*$", regex = "^[a-z][a-z_]*\\.[a-z][a-z_]*$",
  says = "must be an operationId: feature.what_it_does",
})

local filters <const> = {
  actor = v.optional(actor), action = v.optional(action), object = v.optional(v.string({ min = 1, max = 254 })),
  outcome = v.optional(v.enum({ "done", "refused" })), company = v.optional(v.id("co")),
  from = v.optional(v.time()), to = v.optional(v.time()),
}

schema.list = page.query(filters)
schema.export = export.query(filters)

return schema
