--- What callers may rely on: approvals.
local openapi = require("core.openapi")
local schema = require("approvals.schema")
local shapes = require("core.shapes")

local OVER <const> = "It is decided, or has expired"
local DENIED <const> = "The permission is missing, or `reviewer_is_author`: nobody approves what they asked for"

return openapi.section("approvals", "Approvals", "What needs a second person waits here.", {
  approvals = {
    summary = "What waits for a second person and what became of it, the newest first",
    query = schema.list, answers = { [200] = shapes.page(schema.approval) },
  },
  approval = { summary = "One approval", ids = { id = "apv" }, answers = { [200] = schema.approval } },
  approve = {
    summary = "Approve, as the second person: it is done",
    description = "Everything is checked again, and done as whoever asked for it. What cannot be done any more is "
      .. "`failed`, with the reason as its result. Approving twice is approving once.",
    ids = { id = "apv" }, answers = { [200] = schema.approval }, refusals = { [403] = DENIED, [409] = OVER },
  },
  refuse = {
    summary = "Refuse, or take back what one has asked for",
    ids = { id = "apv" }, answers = { [200] = schema.approval }, refusals = { [403] = DENIED, [409] = OVER },
  },
})
