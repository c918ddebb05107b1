--- What callers may rely on: usage.
local correction = require("corrections.schema").correction
local openapi = require("core.openapi")
local schema = require("charging.schema")
local shapes = require("core.shapes")
local v = require("core.validate")

local money_or_null <const> = v.or_null(shapes.money)
local statuses <const> = shapes.one_of(schema.STATUSES)

local usage <const> = v.object({
  id = shapes.id("usg"), company = shapes.id("co"), source = shapes.text, event_id = shapes.text, meter = shapes.text,
  event_time = shapes.instant, received_at = shapes.instant, quantity = shapes.decimal,
  call_id = v.or_null(shapes.text), provider_cost = money_or_null,
  properties = v.described(shapes.any, "as the producer sent them"),
  status = statuses, reason = v.or_null(shapes.text),
  billed_seconds = v.or_null(shapes.count), amount = v.described(money_or_null, "null: it has no price"),
  corrected = v.described(money_or_null, "what it costs instead, after its corrections; null: there are none"),
  rate_deck = v.or_null(shapes.id("deck")), rate_deck_version = v.or_null(shapes.count),
  entry = v.described(v.or_null(shapes.id("ent")), "the ledger entry that charged it"),
})

-- What a producer sends is read and checked in C (src/charge/usage_event.c), event by event: a bad one is rejected with
-- its index and the others go on. So the document says what an event is, and the server refuses no body for it.
local event_json <const> = {
  type = "object",
  required = { "event_id", "source", "meter", "event_time", "quantity" },
  properties = {
    event_id = { type = "string", minLength = 1, maxLength = 200 },
    source = { type = "string", minLength = 1, maxLength = 100 },
    meter = { type = "string", pattern = "^[A-Za-z0-9_.-]{1,64}$", examples = { "call.seconds" } },
    event_time = { type = "string", format = "date-time" },
    quantity = { type = "string", description = "a decimal, not negative" },
    company = {
      type = "string", pattern = v.id("co").json.pattern, description = "whose usage it is: own or below; without: own",
    },
    call_id = { type = "string", maxLength = 200 },
    provider_cost = {
      type = "object", required = { "amount", "currency" },
      properties = { amount = { type = "string" }, currency = { type = "string" } },
    },
    properties = { type = "object" },
  },
}
local events <const> = v.shape({
  oneOf = { event_json, { type = "array", items = event_json, maxItems = 10000 } },
}, function(value)
  return value
end)

local example_event <const> = {
  event_id = "e1", source = "gateway-1", meter = "call.seconds", event_time = "2026-07-15T10:00:00Z", quantity = "61",
  properties = { to = "+442079460958", status = "answered" },
}

local counts = {}
for _, status in ipairs(schema.STATUSES) do
  counts[status] = shapes.count
end

local ingested <const> = v.object({
  accepted = v.described(shapes.count, "durable, once for ever"),
  duplicates = v.described(shapes.count, "the same key and body as one accepted before"),
  rejected = shapes.list(v.object({
    index = shapes.count, event_id = v.optional(shapes.text),
    reason = shapes.one_of({ "invalid", "conflict", "unknown_company", "unprocessable" }),
    pointer = v.optional(shapes.text), detail = shapes.text,
  })),
  outcomes = v.described(v.object(counts), "of the accepted"),
})

local group_fields <const> = {
  company = v.optional(shapes.id("co")), name = v.optional(shapes.text),
  external_ref = v.optional(v.or_null(shapes.text)), meter = v.optional(shapes.text), day = v.optional(shapes.text),
  events = shapes.count, counts = v.object(counts), billed_seconds = shapes.count, amount = shapes.money,
}

local ABOUT <const> = "What was used and is over: events on meters, each counted once, rated and charged."

return openapi.section("charging", "Usage", ABOUT, {
  ingest = {
    summary = "Report usage",
    description = "One event, an array, or one event a line (at most 10,000 events or 8 MiB); CloudEvents 1.0 too. An "
      .. "event is accepted, a duplicate (the same source, event_id and body), or rejected with its index and reason; "
      .. "what is accepted is durable and charged when the answer comes.",
    body = {
      events,
      { type = "application/x-ndjson", example = '{"event_id":"e1", …}\n{"event_id":"e2", …}\n' },
      { type = "application/cloudevents+json" },
      { type = "application/cloudevents-batch+json" },
    },
    answers = { [200] = ingested },
    once = true,
    example = { body = { example_event } },
  },
  usage = { summary = "List usage", query = schema.usage_list, answers = { [200] = shapes.page(usage) } },
  usage_export = {
    summary = "Usage as CSV or JSON lines",
    description = "All that the filters let through, however much that is: it is sent while it is read. An answer "
      .. "without its proper end has failed on the way. With `limit` a page of so many: `Next-Cursor` of the answer is "
      .. "the `cursor` of the next.",
    query = schema.usage_export, answers = { [200] = { { type = "application/jsonl" }, { type = "text/csv" } } },
  },
  usage_summary = {
    summary = "Totals of usage, exact to the last digit",
    query = schema.usage_summary,
    answers = {
      [200] = v.object({
        from = shapes.instant, to = shapes.instant, group_by = shapes.one_of({ "company", "meter", "day" }),
        data = shapes.list(v.object(group_fields)), totals = shapes.list(v.object(group_fields)),
      }),
    },
  },
  explain = {
    summary = "Why an event costs what it costs",
    ids = { id = "usg" },
    answers = {
      [200] = v.object({
        event = usage, rule = shapes.text, bundle = v.described(shapes.text, "of the rules that decided"),
        rate_deck = v.or_null(shapes.id("deck")), rate_deck_version = v.or_null(shapes.count),
        rates = shapes.list(shapes.rate), lines = shapes.list(shapes.object),
        arithmetic = shapes.list(shapes.text),
        agrees = v.described(shapes.flag, "whether computing it again gives the same figures"), total = money_or_null,
        corrections = v.described(shapes.list(correction), "the oldest first; the last holds"),
        used_before = v.described(v.or_null(v.object({
          month = v.or_null(shapes.text), charged_seconds = v.or_null(shapes.count),
          free_seconds = shapes.list(v.object({ allowance = shapes.id("alw"), seconds = shapes.count })),
          meters = v.or_null(shapes.object),
        })), "tiers, memories of prices and free seconds as the event met them; null: its price depends on none"),
        replayed = v.described(
          v.object({
            status = v.or_null(statuses), total = money_or_null, same = v.or_null(shapes.flag),
            reason = v.or_null(shapes.text),
          }),
          "what the bundle that decided answers once more, with the deck, the company's parameters, tiers and free "
            .. "seconds of then; status null: it was not asked, the reason says why"
        ),
      }),
    },
  },
})
