--- The hooks: questions that the product asks of rules. Declared here and nowhere else; core/hooks.md is made from it.
--
--   summary     the question, in a sentence
--   input       what the rule is given: a type, checked where somebody else than the server made it
--   output      what the rule must answer: a type, checked at each call
--   on_failure  park | deny | default | refuse: what becomes of the operation when the rule fails; `says` in words
--   budget_us   what a call should take at most. The limit, for all hooks, is 20 ms
--   money       the field of the answer that shadow and backtest add up, a decimal
--   asked_by    the file that asks; or awaits: the feature that will. Until then nobody may ask
--
-- A type is "integer" | "decimal" | "string" | "boolean" | "time" | "any", with "?" when it may be absent, or a table:
-- { type, min, max } | { enum } | { list = T, max } | { map = T } | { record = { name = T }, open }. A time is in µs
-- since 1970. open: unknown names pass; `doc` says what it is, `optional` that it may be absent. A decimal is
-- given as a decimal or its text, and answered as a decimal: no float, no text.

-- Shorthands, so that a field is a line.
local function a(type, doc, min, max)
  return { type = type, doc = doc, min = min, max = max }
end

local function one_of(values, doc)
  return { enum = values, doc = doc }
end

local function list(of, doc, max)
  return { list = of, doc = doc, max = max or 1000 }
end

local function map(of, doc)
  return { map = of, doc = doc }
end

local function record(fields, doc)
  return { record = fields, doc = doc }
end

local function open(fields, doc)
  return { record = fields, doc = doc, open = true }
end

local function maybe(type)
  type.optional = true
  return type
end

local currency = a("string", "ISO 4217, \"USD\"")
local plan = open({
  timezone = a("string?", "IANA zone of windows and days; UTC when absent"),
  country = a("string?", "ISO 3166; how numbers are dialled there"),
  parameters = maybe(map("any", "the company's data for rules of one's own: pricing.parameters")),
}, "the company's parameters, see pricing/rating.md")
local money_state = maybe(open({
  counter_s = a("integer?", "charged seconds of the period so far", 0),
  bundles = maybe(list(open({ id = "string", remaining_s = a("integer", "free seconds", 0) }), "allowances")),
  balances = maybe(list(open({ id = "string", amount = "decimal" }), "what money is taken from")),
  meters = maybe(map(open({}), "what the prices of plan.prices remember of the period, by meter")),
  period = a("integer?", "which period of the plan it is, counted from any beginning"),
}, "what the rating depends on and changes"))

-- A line of what usage costs. One by a deck has seconds, row, prefix and per_minute; one by plan.prices or a price pack
-- has quantity, unit_amount and per.
local price_line = record({
  kind = a("string", "connect, usage, bundle, min, cap; by a price: unit, seat, tier, package, included, …"),
  amount = a("decimal", "rounded once, here"),
  from_s = a("integer?", "seconds since answer"),
  seconds = "integer?",
  row = a("integer?", "of the deck"),
  prefix = "string?",
  per_minute = "decimal?",
  bundle = a("string?", "the allowance that paid"),
  meter = "string?",
  billed = a("any?", "of the meter: an integer where it is whole, else a decimal"),
  quantity = "decimal?",
  unit_amount = "decimal?",
  per = a("integer?", "unit_amount is for so many; absent: one"),
  note = "string?",
})

local call = open({
  call_id = "string",
  to = a("string", "called number as the caller gave it"),
  from = "string?",
  direction = "string?",
  agent_id = "string?",
  meters = maybe(list("string", "what it will be charged for; absent: call.seconds", 100)),
  properties = maybe(map("any", "texts, integers, booleans and what else came with it")),
  at = a("time", "when the question is asked"),
}, "the call")

local hooks = {}

hooks["charging.quote"] = {
  summary = "What does the next slice of this call cost, and how long is it?",
  input = record({
    call = call,
    plan = plan,
    state = money_state,
    answered_at = a("time?", "absent: not answered yet, priced as of call.at"),
    used_s = a("integer?", "seconds since answer so far; absent: 0", 0),
    requested_s = a("integer?", "seconds asked for; absent: 60", 1, 86400),
    debited = a("decimal?", "what was charged for this call already"),
    available = a("decimal?", "what may be held in all; absent: no bound"),
  }),
  output = record({
    status = one_of({ "quoted", "no_rate", "blocked", "insufficient_funds" }),
    reason = a("string?", "why there is no quote, \"not_e164\""),
    prefix = "string?",
    per_minute = a("decimal?", "price when the slice begins"),
    connect_fee = "decimal?",
    initial_s = a("integer?", "length of the first block"),
    increment_s = a("integer?", "length of the others"),
    granted_s = a("integer", "length of the slice; 0 without a quote", 0),
    max_s = a("integer", "seconds since answer that are paid for with it", 0),
    renew_in_s = a("integer", "when to ask again, from now", 0),
    final = a("boolean", "the money ends with this slice"),
    hold = a("decimal", "price of the call up to max_s, less what was debited"),
    counter_s = a("integer?", "the state with the call up to max_s, as pricing.rate_usage answers it"),
    bundles = maybe(map("integer", "free seconds left, by id")),
    meters = maybe(map("any", "state.meters afterwards")),
  }),
  on_failure = "deny", says = "The call is not started, or not prolonged: rule_denied.",
  budget_us = 2000, money = "hold", asked_by = "charge/callrules.c",
}

hooks["charging.admit"] = {
  summary = "May this call start, money aside?",
  input = record({
    call = call,
    company = open({
      id = "string",
      status = one_of({ "active", "suspended", "closed" }),
      limits = maybe(record({
        concurrent_calls = a("integer?", "lines", 0),
        calls_per_number = a("integer?", "at a time to one number", 0),
        calls_per_agent = a("integer?", "at a time of one agent", 0),
        calls_per_minute = a("integer?", nil, 0),
        calls_per_hour = a("integer?", nil, 0),
        same_number_per_hour = a("integer?", "calls to one number", 0),
        fraud_score = a("integer?", "refused from here on; absent: 90", 0, 100),
        blocked_prefixes = maybe(list("string", "digits")),
        allowed_prefixes = maybe(list("string", "digits; with them everything else is blocked")),
      }, "absent: none")),
    }),
    counts = record({
      open = a("integer", "calls under way", 0),
      last_minute = a("integer?", "calls begun; what no limit asks for is not counted", 0),
      last_hour = a("integer?", nil, 0),
      same_number_last_hour = a("integer?", nil, 0),
      number_open = a("integer?", "calls under way to this number", 0),
      agent_open = a("integer?", "calls under way of this agent", 0),
    }),
    digits = a("string?", "call.to as E.164 digits, when it is a number"),
    fraud_score = a("integer?", "of whoever judges calls, 100 is worst", 0, 100),
  }),
  output = record({
    decision = one_of({ "allow", "deny" }),
    reason = maybe(one_of({ "concurrency_limit", "destination_blocked", "company_suspended", "rule_denied" })),
    detail = a("string?", "for the operator: which limit was met"),
  }),
  on_failure = "deny", says = "The call is not started: rule_denied.",
  budget_us = 1000, asked_by = "charge/callrules.c",
}

hooks["pricing.rate_usage"] = {
  summary = "What does this usage cost?",
  input = record({
    event = open({
      event_id = "string",
      meter = a("string?", "absent: call.seconds"),
      quantity = "decimal?",
      event_time = "time?",
      to = a("string?", "called number"),
      from = "string?",
      direction = "string?",
      status = a("string", "\"answered\"; anything else is not billable"),
      answered_at = "time",
      duration_ms = a("integer", "answer to hang-up"),
      cost = a("decimal?", "what a provider took for it, in the plan's currency"),
      properties = maybe(map("any", "texts, integers and booleans of the event; where the plan has a price pack")),
    }),
    plan = plan,
    state = money_state,
  }),
  output = record({
    status = one_of({ "rated", "not_billable", "no_rate", "blocked", "failed" }),
    error = a("string?", "why it is not rated"),
    billed_s = a("integer?", nil, 0),
    total = a("decimal", "sum of the lines"),
    lines = list(price_line, "what the total is made of", 5000),
    meter = a("string?", "what has no price"),
    counter_s = "integer?",
    bundles = maybe(map("integer", "free seconds left, by id")),
    balances = maybe(map("decimal", "money left, by id")),
    meters = maybe(map("any", "state.meters afterwards")),
  }),
  on_failure = "park", says = "Nothing is charged. The event is kept as failed, with the reason, for review.",
  budget_us = 1000, money = "total", asked_by = "charge/rate.c",
}

hooks["pricing.rate_components"] = {
  summary = "What does a call of an AI agent cost, part by part?",
  input = record({
    plan = plan,
    call = maybe(open({
      status = a("string?", "absent: answered"),
      direction = "string?",
      duration_ms = "integer",
      properties = maybe(map("any")),
    }, "what a price pack makes its own parts of")),
    components = maybe(list(open({
      meter = a("string", "telephony, stt, llm.tokens.in, llm.tokens.out, llm.tokens.cached, tts.characters, platform"),
      quantity = "decimal?",
      duration_ms = a("integer?", "instead of a quantity: billed in blocks of seconds"),
      cost = a("decimal?", "what the provider took"),
      own_key = a("boolean?", "the customer pays the provider: free"),
      price = a("any?", "an amount, or a table as in plan.prices; absent: the plan's or the pack's"),
      per = a("integer?", "price is for so many", 1, 1000000),
      initial_s = a("integer?", "first block of a duration; absent: 1", 1),
      increment_s = a("integer?", "the others; absent: 1", 1),
      min_s = a("integer?", nil, 0),
    }), "the other parts", 200)),
    state = money_state,
    at = "time?",
  }),
  output = record({
    status = one_of({ "rated", "no_rate", "failed" }),
    error = a("string?", "no_price, invalid_duration"),
    meter = a("string?", "of which component; then nothing has a price"),
    billed_s = a("integer", "of the call", 0),
    total = a("decimal", "sum of the lines"),
    lines = list(price_line, nil, 1000),
    counter_s = "integer?",
    bundles = maybe(map("integer")),
    balances = maybe(map("decimal", "money left, by id")),
    meters = maybe(map("any", "state.meters afterwards")),
  }),
  on_failure = "park", says = "Nothing is charged for the call; it waits for review.",
  budget_us = 1000, money = "total", asked_by = "cli/rating_case.c",
}

hooks["pricing.true_up"] = {
  summary = "A period is over: what should it have cost, and how much is missing or too much?",
  input = record({
    plan = maybe(plan),
    price = open({ model = "string" }, "of the meter, see pricing/lib/terms.lua"),
    quantity = a("decimal?", "of the period; a commitment looks at `charged`"),
    charged = a("decimal", "by its events"),
  }),
  output = record({
    should_be = "decimal",
    adjustment = a("decimal", "should_be less charged"),
    lines = list(price_line, "of the price of the whole", 1000),
  }),
  on_failure = "refuse", says = "The invoice stays a draft, and says why.",
  budget_us = 1000, money = "adjustment", asked_by = "cli/rating_case.c",
}

hooks["pricing.normalize_number"] = {
  summary = "Which E.164 number did the caller dial?",
  input = record({ raw = "string", plan = plan }),
  output = record({ digits = a("string?", "7 to 15 digits"), error = a("string?", "not_e164") }),
  on_failure = "refuse", says = "The case fails.",
  budget_us = 200, asked_by = "cli/rating_case.c",
}

local priced = maybe(record({
  price = a("decimal", "of one for the whole period"),
  quantity = a("integer", "seats, or 1", 0),
  description = "string?",
}))

hooks["billing.prorate"] = {
  summary = "What does a change in the middle of a period give back and cost?",
  input = record({
    currency = currency,
    period = record({ from = "time", to = "time" }, "half-open"),
    timezone = a("string?", "of the company; UTC when absent"),
    at = a("time", "when the change takes effect"),
    by = maybe(one_of({ "second", "day", "none" }, "what is counted; absent: second. The day of the change is new")),
    old = priced,
    new = priced,
  }),
  output = record({
    lines = list(record({
      kind = one_of({ "credit", "charge" }),
      from = "time",
      to = "time",
      quantity = "integer",
      part = a("integer", "of the whole period", 0),
      whole = a("integer", "seconds or days of the period", 1),
      amount = a("decimal", "negative in a credit"),
      description = "string?",
    })),
    total = "decimal",
  }),
  on_failure = "refuse", says = "The subscription is not changed.",
  budget_us = 1000, money = "total", awaits = "subscriptions",
}

local treatment = one_of({ "taxed", "reverse_charge", "exempt", "outside" })

hooks["billing.tax"] = {
  summary = "Which tax is on these lines?",
  input = record({
    currency = currency,
    inclusive = a("boolean?", "the amounts contain the tax"),
    seller = open({ country = "string", tax_id = "string?", union = a("string?", "tax union of the country, \"EU\"") }),
    customer = open({
      country = a("string?", "absent: taxed as at home"),
      union = "string?",
      tax_id = "string?",
      tax_id_valid = a("boolean?", "somebody has checked it"),
      exempt = "boolean?",
      exempt_reason = "string?",
    }),
    lines = list(open({ id = "string", amount = "decimal", category = a("string?", "absent: standard") })),
    rates = list(record({
      country = "string",
      category = a("string?", "absent: standard"),
      name = a("string", "as it stands on the invoice, \"VAT\""),
      percent = a("decimal", "\"19\""),
    }), "that were valid on the day of supply"),
  }),
  output = record({
    lines = list(record({ id = "string", treatment = treatment, percent = "decimal", name = "string?" })),
    taxes = list(record({
      name = "string?",
      percent = "decimal",
      treatment = treatment,
      net = a("decimal", "what the tax is on"),
      tax = a("decimal", "rounded once, for all lines of the rate"),
    })),
    net = "decimal",
    tax = "decimal",
    total = a("decimal", "net + tax"),
    note = a("string?", "what the invoice must say"),
  }),
  on_failure = "refuse", says = "The invoice stays a draft, and says why.",
  budget_us = 2000, money = "tax", awaits = "invoices",
}

hooks["billing.apply_credits"] = {
  summary = "Which credits pay for this invoice?",
  input = record({
    currency = currency,
    at = "time",
    total = a("decimal", "of the invoice, tax included"),
    credits = list(open({
      id = "string",
      remaining = "decimal",
      currency = currency,
      kind = one_of({ "promotional", "prepaid", "credit_note" }),
      priority = a("integer?", "lower first; absent: 0"),
      expires = a("time?", "absent: never"),
    })),
  }),
  output = record({
    applied = list(record({ id = "string", amount = "decimal" })),
    credited = "decimal",
    due = a("decimal", "what is left to pay; never below zero"),
  }),
  on_failure = "refuse", says = "The invoice stays a draft, and says why.",
  budget_us = 2000, money = "due", awaits = "invoices",
}

hooks["billing.before_finalize"] = {
  summary = "May this invoice be finalized as it is?",
  input = record({
    invoice = open({
      id = "string",
      currency = currency,
      total = "decimal",
      lines = a("integer", "how many", 0),
      approved = a("boolean?", "a person has looked at it: only what cannot be right holds it"),
    }),
    usage = record({
      failed = a("integer", "events of the period that wait for review", 0),
      unrated = a("integer", "events without a price", 0),
    }),
    customer = open({
      country = "string?",
      previous_totals = maybe(list("decimal", "of the last invoices, newest first", 12)),
    }),
    policy = maybe(record({
      smallest = a("decimal?", "what is less is carried to the next invoice"),
      spike_percent = a("integer?", "held when so much above the mean of the last three; absent: 300", 0),
    })),
  }),
  output = record({
    decision = one_of({ "ok", "hold", "adjust" }),
    reasons = list(a("string", "why it is held; a word each")),
    adjustments = list(record({ kind = "string", description = "string", amount = "decimal" })),
    total = a("decimal", "with the adjustments"),
  }),
  on_failure = "refuse", says = "The invoice stays a draft, and says why.",
  budget_us = 1000, money = "total", awaits = "invoices",
}

local class = maybe(one_of({ "soft", "hard", "authentication", "network", "ours" }))

hooks["billing.dunning"] = {
  summary = "An invoice is not paid: what next, and when?",
  input = record({
    now = "time",
    timezone = a("string?", "of the customer: nobody is charged at night"),
    invoice = open({ id = "string", currency = currency, due = "decimal", due_at = "time" }),
    has_method = a("boolean", "there is a payment method on file"),
    attempts = list(open({
      at = "time",
      outcome = one_of({ "failed", "uncertain" }),
      class = class,
      code = a("string?", "the provider's, \"insufficient_funds\""),
      advice = a("string?", "the provider's, \"do_not_try_again\""),
    }), "oldest first", 50),
    policy = maybe(record({
      retry_days = maybe(list(a("integer", nil, 0, 60), "days after the due date", 10)),
      suspend_days = a("integer?", "after the due date", 0, 365),
      close_days = a("integer?", nil, 0, 365),
    })),
  }),
  output = record({
    action = one_of({ "retry", "ask_customer", "wait", "suspend", "give_up" }),
    at = a("time?", "when; absent: now"),
    class = class,
    level = a("integer", "0 friendly … 3 last warning", 0, 3),
    notice = maybe(one_of({
      "payment_failed", "action_needed", "new_method_needed", "last_warning", "suspended", "written_off",
    })),
    reason = "string",
  }),
  on_failure = "refuse", says = "Nothing is charged; the account is parked where people see it.",
  budget_us = 1000, awaits = "payments",
}

hooks["payments.route"] = {
  summary = "Which provider takes this payment?",
  input = record({
    currency = currency,
    amount = "decimal",
    country = a("string?", "of the customer"),
    method = a("string?", "card, paypal, sepa_debit; absent: any"),
    pinned = a("string?", "the provider that holds the customer's payment method"),
    tried = maybe(list("string", "providers that refused this payment")),
    providers = list(open({
      name = "string",
      currencies = list("string"),
      countries = maybe(list("string", "absent: all")),
      methods = list("string"),
      healthy = "boolean",
      success_bp = a("integer?", "payments of 10,000 that went well lately", 0, 10000),
      fee_percent = a("decimal?", "\"2.9\""),
      fee_fixed = a("decimal?", "in the payment's currency"),
      smallest = a("decimal?", "what it takes at least, in the payment's currency"),
    }), "in the company's order", 20),
  }),
  output = record({
    provider = a("string?", "absent: none takes it"),
    reason = "string",
    refused = list(record({ provider = "string", reason = "string" }), nil, 20),
  }),
  on_failure = "default", says = "The first healthy provider of the company's list that takes the currency.",
  budget_us = 1000, awaits = "payments",
}

hooks["payments.risk"] = {
  summary = "Is this payment likely to be fraud?",
  input = record({
    currency = currency,
    amount = "decimal",
    kind = one_of({ "topup", "invoice", "checkout" }),
    company = record({
      age_days = a("integer", nil, 0),
      paid_payments = a("integer", "that went well", 0),
      largest_paid = a("decimal?", "in this currency"),
      disputes = a("integer", "within a year", 0),
    }),
    signals = record({
      attempts_last_hour = a("integer", nil, 0),
      declines_last_hour = a("integer", nil, 0),
      cards_last_day = a("integer", "different ones", 0),
      card_country = "string?",
      ip_country = "string?",
      billing_country = "string?",
      provider_score = a("integer?", "100 is worst", 0, 100),
      listed = a("boolean?", "somebody put it on the block list"),
    }),
  }),
  output = record({
    decision = one_of({ "allow", "review", "deny" }),
    score = a("integer", nil, 0, 100),
    reasons = list("string"),
  }),
  on_failure = "default", says = "review: a person looks at it before it goes out.",
  budget_us = 1000, awaits = "payments",
}

hooks["rbac.authorize"] = {
  summary = "The role allows it: does anything about this very request forbid it?",
  input = record({
    actor = open({
      id = "string",
      kind = one_of({ "user", "key", "system" }),
      company = "string",
      roles = maybe(list("string")),
    }),
    permission = a("string", "resource:action"),
    resource = open({
      company = a("string", "whose it is"),
      below = a("boolean?", "that company is below the actor's"),
      amount = "decimal?",
      currency = "string?",
    }),
    at = "time",
    reauthenticated_at = a("time?", "when the actor last gave a second factor"),
    policy = maybe(record({
      timezone = "string?",
      amounts = maybe(list(record({
        permission = "string", currency = "string", max = a("decimal", "that may be moved without more"),
        role = a("string?", "only for these; absent: for all"),
      }))),
      hours = maybe(list(record({
        permission = a("string", "\"*\": each that is no :read"),
        days = list(a("integer", nil, 1, 7), "1 is Monday"),
        from = a("string", "\"08:00\""),
        to = a("string", "\"18:00\""),
      }))),
      own_only = maybe(list("string", "permissions that do not reach companies below")),
      fresh = maybe(list("string", "permissions that ask people for a second factor of the last ten minutes")),
    }, "absent: nothing more is asked")),
  }),
  output = record({
    allow = "boolean",
    reason = maybe(one_of({ "other_company", "own_company_only", "amount_limit", "hours", "reauthenticate" })),
  }),
  on_failure = "deny", says = "403, and an error in the log.",
  budget_us = 500, asked_by = "policies/service.lua",
}

hooks["fx.pick"] = {
  summary = "Which published rate converts this amount?",
  input = record({
    from = currency,
    to = currency,
    at = a("time", "of the event or document"),
    amount = a("decimal?", "converted too when given"),
    places = a("integer?", "of the converted amount; absent: 6", 0, 12),
    markup_percent = a("decimal?", "what the company adds, \"1.5\""),
  }),
  output = record({
    rate = a("decimal?", "units of `to` for one of `from`"),
    date = a("string?", "of publication, \"2026-04-02\""),
    amount = "decimal?",
    error = maybe(one_of({ "fx_stale", "fx_unknown" })),
  }),
  on_failure = "refuse", says = "What needs the rate does not go on; 1.0 is never assumed.",
  budget_us = 500, money = "amount", awaits = "currencies",
}

hooks["alerts.evaluate"] = {
  summary = "Does this measurement fire or clear the alert?",
  input = record({
    alert = open({
      id = "string",
      direction = one_of({ "above", "below" }),
      threshold = "decimal",
      clear = a("decimal?", "where it ends; absent: at the threshold"),
      samples = a("integer?", "so many in a row before it fires; absent: 1", 1, 1000),
    }),
    value = "decimal",
    at = "time",
    state = maybe(record({
      firing = "boolean",
      since = "time?",
      run = a("integer?", "samples beyond the threshold in a row", 0),
    }, "what the last evaluation answered; absent: the first")),
  }),
  output = record({
    event = maybe(one_of({ "fired", "cleared" }, "what people are told; absent: nothing new")),
    state = record({ firing = "boolean", since = "time?", run = a("integer", nil, 0) }),
  }),
  on_failure = "default", says = "The alert keeps its state; the failure is an alert of its own.",
  budget_us = 500, asked_by = "wallets/levels.lua",
}

hooks["admin.step"] = {
  summary = "An approval is in this state and this happened: which state is next?",
  input = record({
    flow = a("string", "rules.activate, company_suspend, refund, credit_limit, wallet_correction"),
    state = a("string", "\"proposed\" is the first of each flow"),
    event = open({
      type = one_of({ "submit", "approve", "reject", "cancel", "tick" }),
      actor = a("string?", "who does it; absent in a tick"),
      author = a("string?", "who proposed it"),
      alone = a("boolean?", "there is nobody else who could approve"),
      reauthenticated = a("boolean?", "the actor has just given a second factor"),
      at = "time?",
    }),
    data = maybe(open({
      amount = "decimal?",
      limit = a("decimal?", "up to it nobody needs to approve"),
      proposed_at = "time?",
      expires_s = a("integer?", "absent: 7 days", 60),
    }, "what the flow is about")),
  }),
  output = record({
    state = one_of({ "proposed", "approved", "refused", "cancelled", "expired" }),
    done = a("boolean", "nothing moves it any more"),
    reason = maybe(one_of({
      "below_limit", "reviewer_is_author", "author_is_alone", "reauthenticate", "second_person", "rejected",
      "not_author", "expired", "over",
    })),
  }),
  on_failure = "refuse", says = "The state stays; whoever asked is told.",
  budget_us = 500, asked_by = "approvals/service.lua",
}

return hooks
