--- What callers may rely on: free seconds.
local openapi = require("core.openapi")
local schema = require("allowances.schema")
local shapes = require("core.shapes")
local v = require("core.validate")

local allowance <const> = v.object({
  id = shapes.id("alw"), company = shapes.id("co"), granted_seconds = shapes.count,
  remaining_seconds = v.described(shapes.count, "less what open calls keep for their next minutes"),
  priority = v.described(v.integer(-1000, 1000), "smaller is used first, then what expires first"),
  prefixes = v.described(v.or_null(shapes.list(shapes.text)), "of called numbers; null: any"),
  starts_at = shapes.instant, expires_at = v.or_null(shapes.instant), note = shapes.text,
  created_at = shapes.instant,
})

return openapi.section("allowances", "Free seconds", "Seconds that cost nothing, granted by who sells.", {
  grant = {
    summary = "Grant free seconds",
    description = "By the company above, never by the one that calls. Billed seconds of its calls are free while they "
      .. "last: by priority, then by what expires first. A call keeps those that its next minutes may need. A company "
      .. "has fifty at most with something left.",
    body = schema.allowance, answers = { [201] = allowance }, once = true,
    example = { body = { seconds = 6000, prefixes = { "44" }, note = "welcome" } },
  },
  allowances = {
    summary = "List free seconds", query = schema.allowance_list, answers = { [200] = shapes.page(allowance) },
  },
  allowance = { summary = "One grant of free seconds", ids = { id = "alw" }, answers = { [200] = allowance } },
})
