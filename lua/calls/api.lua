--- What callers may rely on: calls while they happen.
local correction = require("corrections.schema").correction
local openapi = require("core.openapi")
local schema = require("calls.schema")
local shapes = require("core.shapes")
local v = require("core.validate")

local function either(...)
  local list = {}
  for i, shape in ipairs({ ... }) do
    list[i] = shape.json
  end
  return v.shape({ oneOf = list }, function(value)
    return value
  end)
end

local max_seconds <const> = v.described(shapes.count, "since answer, that are paid for")
local renew_in <const> = v.described(shapes.count, "when to ask again, from now")
local final <const> = v.optional(v.described(shapes.flag, "only when true: the money ends there"))
local money_or_null <const> = v.or_null(shapes.money)

local authorized <const> = either(
  v.object({
    decision = shapes.one_of({ "allow" }), call_id = shapes.text, hold = shapes.money, max_seconds = max_seconds,
    renew_in_seconds = renew_in, final = final,
    rate = v.optional(v.object({ per_minute = shapes.decimal, prefix = shapes.text })),
  }),
  v.object({
    decision = shapes.one_of({ "deny" }),
    reason = shapes.one_of({
      "insufficient_funds", "concurrency_limit", "destination_blocked", "company_suspended", "rule_denied", "no_rate",
      "call_closed",
    }),
  })
)

local duplicate <const> = v.optional(v.described(shapes.flag, "only when true: it was answered before"))

local renewed <const> = either(
  v.object({
    decision = shapes.one_of({ "continue" }), max_seconds = max_seconds, renew_in_seconds = renew_in, final = final,
    charged = v.described(shapes.money, "by renewals so far"), duplicate = duplicate,
  }),
  v.object({
    decision = shapes.one_of({ "stop" }), reason = shapes.text,
    grace_seconds = v.described(shapes.count, "that it may go on"), charged = v.optional(shapes.money),
    duplicate = duplicate,
  })
)

local settled <const> = v.object({
  call_id = shapes.text, charge = v.described(shapes.money, "in all, with what renewals took"),
  lines = v.optional(v.described(shapes.list(shapes.object), "how the charge came about, meter by meter")),
  wallet = v.optional(v.object({ balance = shapes.money, held = shapes.money, available = shapes.money })),
  overrun = v.optional(v.described(shapes.money, "of the charge, beyond what was held")),
  not_rated = v.optional(v.described(shapes.list(shapes.object), "meters that were not charged, and why")),
  duplicate = v.optional(v.described(shapes.flag, "only when true: it had expired, and this was charged")),
})

local call_fields <const> = {
  id = shapes.id("call"), company = shapes.id("co"), call_id = v.described(shapes.text, "the caller's own"),
  state = shapes.one_of(schema.STATES), from = v.or_null(shapes.text), to = shapes.text,
  direction = v.or_null(shapes.text), agent_id = v.or_null(shapes.text), meters = shapes.list(shapes.text),
  properties = shapes.object, opened_at = shapes.instant, answered_at = v.or_null(shapes.instant),
  closed_at = v.or_null(shapes.instant),
  expires_at = v.described(v.or_null(shapes.instant), "when it ends by itself; null: it is over"),
  seq = v.described(shapes.count, "of the last renewal"),
  used_seconds = v.described(shapes.count, "since answer, as reported"),
  granted_seconds = v.described(shapes.count, "since answer, as held for"),
  held = shapes.money, debited = v.described(shapes.money, "by renewals"),
  charge = v.described(money_or_null, "in all; null while it is open"),
  corrected = v.described(money_or_null, "what it costs instead, after its corrections; null: there are none"),
  overrun = v.described(shapes.money, "of the charge, beyond what was held"),
  status = v.or_null(shapes.text), duration_ms = v.or_null(shapes.count), stop_reason = v.or_null(shapes.text),
  rule_bundle = v.described(shapes.text, "of the rules that price it"), rate_deck = v.or_null(shapes.id("deck")),
  rate_deck_version = v.or_null(shapes.count),
  entry = v.described(v.or_null(shapes.id("ent")), "the ledger entry that charged what was left at the end"),
}
local call <const> = v.object(call_fields)

local function with_all()
  local fields = {
    usage = v.described(shapes.list(v.object({
      id = shapes.id("usg"), meter = shapes.text, quantity = shapes.decimal, status = shapes.text,
      reason = v.or_null(shapes.text), billed_seconds = v.or_null(shapes.count), amount = money_or_null,
      provider_cost = money_or_null,
    })), "a row a meter, once it is over"),
    lines = shapes.list(shapes.object),
    debits = v.described(shapes.list(v.object({
      seq = shapes.count, amount = shapes.money, entry = shapes.id("ent"), created_at = shapes.instant,
    })), "what renewals charged"),
    corrections = v.described(shapes.list(correction), "the oldest first; of each usage the last holds"),
    late = v.described(v.or_null(v.object({
      report = shapes.object, difference = v.described(money_or_null, "its price less the charge"),
    })), "a settle that came after the expiry"),
    plan = v.described(v.or_null(v.object({
      currency = shapes.currency, timezone = shapes.text, country = v.or_null(shapes.text),
      pricing = v.or_null(shapes.object),
    })), "the company's parameters that it is priced with"),
  }
  for name, shape in pairs(call_fields) do
    fields[name] = shape
  end
  return v.object(fields)
end

local ABOUT <const> = "A gateway asks `authorize` before a call, `renew` while it lasts, and says with `settle` what "
  .. "it was. The money of the next seconds is held, so that nobody spends more than there is. A call that nobody asks "
  .. "about for twice its slice (a minute at least) ends by itself."

local REPEATS <const> = " The call_id says which call it is, so no Idempotency-Key is needed: a repeat gets the same "
  .. "bytes again."

return openapi.section("calls", "Calls", ABOUT, {
  authorize = {
    summary = "May a call begin, and for how long?",
    description = "Holds the money of the first slice, for all `meters` that are named, or denies with a reason."
      .. REPEATS .. " A denial is not kept: asking again is asking anew. A call that is over is denied, "
      .. "`call_closed`: a call_id is of one call.",
    body = schema.authorize, answers = { [200] = authorized },
    refusals = {
      [404] = "There is no such company",
      [409] = "`call_exists`: a call with this call_id was authorized with another body",
    },
    example = {
      body = {
        call_id = "c-1", from = "+12125550100", to = "+442079460000", agent_id = "a-7", meters = { "call.seconds" },
      },
    },
  },
  renew = {
    summary = "May a call go on?",
    description = "Charges what it has used so far, `elapsed_seconds` in all, and holds the money of the next slice."
      .. REPEATS .. " One with an older `seq` gets the latest answer, with `duplicate`. Where the answer is `stop` the "
      .. "gateway ends the call within the seconds of grace, and settles it. Of a call that is over it is `stop`, "
      .. "`call_closed`.",
    body = schema.renew, answers = { [200] = renewed },
    example = { body = { seq = 1, elapsed_seconds = 45, request_seconds = 60 } },
  },
  settle = {
    summary = "A call is over",
    description = "Charges all that it used, of all meters, and gives back what was held. What it used beyond that is "
      .. "charged, too (`overrun`), and raises an alert." .. REPEATS
      .. " A call that had expired meanwhile is answered with what was charged then; the difference is filed once.",
    body = schema.settle, answers = { [200] = settled },
    example = {
      body = {
        duration_ms = 61000, status = "answered", usage = { { meter = "llm.tokens.in", quantity = "5120" } },
      },
    },
  },
  stop = {
    summary = "End a call at its next renewal",
    description = "The gateway is told to stop, with this reason, when it next asks. The first reason stays.",
    body = schema.stop, answers = { [200] = call },
    refusals = { [409] = "`call_closed`: the call is over" },
    example = { body = { reason = "supervisor" } },
  },
  calls = {
    summary = "List calls",
    description = "Company by company, the newest first in each; the numbers as they were authorized.",
    query = schema.list, answers = { [200] = shapes.page(call) },
  },
  call = {
    summary = "One call, with its lines, debits and what it was priced with",
    description = "By the name that its gateway gave it, or by its id (`call_…`).",
    query = schema.place, answers = { [200] = with_all() },
  },
})
