--- Shapes of the requests about approvals, and of an approval.
local page = require("core.page")
local shapes = require("core.shapes")
local v = require("core.validate")

local schema = {}

schema.STATES = { "waiting", "done", "failed", "refused", "cancelled", "expired" }

schema.list = page.query({ state = v.optional(v.enum(schema.STATES)) })

local actor <const> = v.described(shapes.text, "a user or a key")

--- What is answered with 202 by whatever needs a second person.
schema.approval = v.object({
  id = shapes.id("apv"), company = shapes.id("co"),
  operation = v.described(shapes.text, "the operationId of what happens when it is approved"),
  flow = v.described(shapes.text, "of the rule admin.step, which decides who must approve"), object = shapes.text,
  input = shapes.object, state = shapes.one_of(schema.STATES), proposer = actor, decider = v.or_null(actor),
  result = v.described(v.or_null(shapes.object), "what was done, or why it failed: `type`, `detail`"),
  created_at = shapes.instant, expires_at = shapes.instant, decided_at = v.or_null(shapes.instant),
})

return schema
