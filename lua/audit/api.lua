--- What callers may rely on: the audit log.
local openapi = require("core.openapi")
local schema = require("audit.schema")
local shapes = require("core.shapes")
local v = require("core.validate")

local entry <const> = v.object({
  id = shapes.id("aud"), company = v.described(shapes.id("co"), "that was acted for"), at = shapes.instant,
  actor = v.described(v.or_null(shapes.text), "a user, a key or the system; null: not known"),
  session = v.or_null(shapes.id("ses")), address = shapes.text, request_id = shapes.text,
  action = v.described(shapes.text, "mostly an operationId of this document"),
  object = v.described(shapes.text, "what it was done to: mostly an id"),
  outcome = shapes.one_of({ "done", "refused" }),
  before = v.described(v.or_null(shapes.object), "of what has changed; never a secret"),
  after = v.or_null(shapes.object),
})

return openapi.section("audit", "Audit log", "Who did what. It is sealed: what is changed afterwards is found.", {
  entries = {
    summary = "Who did what, own and below, the newest first",
    description = "Every write, and attempts that were refused (of a flood of those a few, and how many they were).",
    query = schema.list, answers = { [200] = shapes.page(entry) },
  },
  entry = { summary = "One entry", ids = { id = "aud" }, answers = { [200] = entry } },
  export = {
    summary = "The log as CSV or JSON lines",
    description = "All that the filters let through, however much that is: it is sent while it is read. An answer "
      .. "without its proper end has failed on the way. With `limit` a page of so many entries: `Next-Cursor` of the "
      .. "answer is the `cursor` of the next, and missing on the last.",
    query = schema.export,
    answers = { [200] = { { type = "application/jsonl" }, { type = "text/csv" } } },
  },
})
