--- Shapes of the usage requests. Events themselves are parsed and checked in C (charge/usage.h).
local export = require("core.export")
local page = require("core.page")
local v = require("core.validate")

local schema = {}

schema.STATUSES = { "rated", "not_billable", "no_rate", "blocked", "unrated", "failed" }

local meter <const> = v.string({
  min = 1, max = 64, pattern = "^[%w_.%-]+$", regex = "^[A-Za-z0-9_.-]+$",
  says = "must be a meter, such as call.seconds",
})
local source <const> = v.string({ min = 1, max = 100 })

local filters <const> = {
  company = v.optional(v.id("co")),
  meter = v.optional(meter),
  status = v.optional(v.enum(schema.STATUSES)),
  source = v.optional(source),
  event_id = v.optional(v.string({ min = 1, max = 200 })),
  from = v.optional(v.time()),
  to = v.optional(v.time()),
}

schema.usage_list = page.query(filters)
schema.usage_export = export.query(filters)

schema.usage_summary = {
  company = v.optional(v.id("co")),
  meter = v.optional(meter),
  source = v.optional(source),
  from = v.optional(v.time()),
  to = v.optional(v.time()),
  group_by = v.optional(v.enum({ "company", "meter", "day" })),
}

return schema
