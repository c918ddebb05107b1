--- What callers may rely on: alerts.
local openapi = require("core.openapi")
local schema = require("alerts.schema")
local shapes = require("core.shapes")
local v = require("core.validate")

local alert <const> = v.object({
  id = shapes.id("alr"), company = shapes.id("co"),
  kind = v.described(shapes.text, "now: " .. table.concat(schema.KINDS, ", ") .. "; more will come"),
  object = v.described(shapes.text, "what it is about: an id; of a level of a wallet the id and the level"),
  severity = shapes.one_of(schema.SEVERITIES), state = shapes.one_of(schema.STATES), text = shapes.text,
  data = v.described(shapes.object, "the figures of the text"), version = shapes.count, raised_at = shapes.instant,
  acknowledged_at = v.or_null(shapes.instant),
  acknowledged_by = v.described(v.or_null(shapes.text), "a user or a key"), cleared_at = v.or_null(shapes.instant),
})

return openapi.section("alerts", "Alerts", "What somebody should look at: raised once, and cleared when it is over.", {
  alerts = {
    summary = "What somebody should look at, own and below, the newest first",
    description = "Of (company, kind, object) one is raised at a time. What is a state clears by itself.",
    query = schema.list, answers = { [200] = shapes.page(alert) },
  },
  alert = { summary = "One alert", ids = { id = "alr" }, answers = { [200] = alert } },
  acknowledge = {
    summary = "Say that somebody has seen it",
    description = "Twice is once. It stays until it is over.",
    ids = { id = "alr" }, answers = { [200] = alert }, refusals = { [409] = "It is cleared" },
  },
})
