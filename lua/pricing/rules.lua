--- What usage costs: pricing.rate_usage; pricing.rate_components, pricing.true_up, pricing.normalize_number.
-- core/hooks.lua has what goes in and out. Of a call that a deck prices:
--
-- input  { event = { event_id, to, status, answered_at = µs, duration_ms },
--          plan  = { timezone?, charge_decimals? = 6, rounding? = "half_up", rate_at? = "split" | "start",
--                    bundle_partial? = "split" | "whole_block", windows?, tiers?, min_charge?, max_charge?,
--                    grace_ms? | grace_s?, country?, cc?, idd?, trunk? },   amounts as decimals or their text
--          state? = { counter_s?, bundles?, balances? } }         see lib/bundles.lua, lib/balances.lua
-- output { status = "rated" | "not_billable" | "no_rate" | "blocked" | "failed",
--          error? = "no_rate" | "blocked" | "not_e164" | "invalid_duration",
--          billed_s, total = decimal,
--          lines = { { kind = "connect" | "usage" | "bundle" | "min" | "cap", from_s?, seconds?, row?, prefix?,
--                      per_minute?, bundle?, amount = decimal }, … },
--          counter_s?, bundles? = {[id] = seconds}, balances? = {[id] = decimal} }    when state has them
-- The deck that prices is cap.deck. The rules R1 to R15, and prices without a deck, are in pricing/rating.md.

local function rate_usage(input, cap)
  local lib = cap.lib
  return lib.usage.rate(input.event, input.plan, input.state, cap, lib)
end

--- The hook pricing.rate_components: a call of an AI agent by its parts (lib/components.lua, lib/metered.lua).
local function rate_components(input, cap)
  return cap.lib.metered.rate_components(input, cap, cap.lib)
end

--- The hook pricing.true_up: a period as it should have been charged, and the difference (lib/true_up.lua).
local function true_up(input, cap)
  local terms = cap.lib.terms.of(input.plan or {}, cap.decimal, cap.lib)
  local should_be, adjustment, lines = cap.lib.true_up.of(input.price, input.quantity or 0, input.charged, terms)
  return { should_be = should_be, adjustment = adjustment, lines = lines }
end

--- The hook pricing.normalize_number: {raw, plan} → {digits} or {error}, as rating reads a called number.
local function normalize(input, cap)
  local digits, why = cap.lib.e164.normalise(input.raw, input.plan, cap.text, cap.lib.countries)
  return { digits = digits, error = why }
end

--- 2026-07-15T10:00:00Z, a Wednesday.
local ANSWERED <const> = 1784109600000000

local function example(to, duration_ms, status)
  return { event_id = "e1", to = to, status = status or "answered", answered_at = ANSWERED, duration_ms = duration_ms }
end

local rate_cases = {
  {
    name = "61 s at 60/60 are two minutes",
    deck = { { prefix = "1", per_minute = "0.0120", initial_s = 60, increment_s = 60 } },
    input = { event = example("+12125550100", 61000), plan = {} },
    want = { status = "rated", billed_s = 120, total = "0.024", lines = { { kind = "usage", seconds = 120 } } },
  },
  {
    name = "an unanswered call costs nothing, not even the connect fee",
    deck = { { prefix = "1", per_minute = "0.10", connect_fee = "0.05" } },
    input = { event = example("+12125550100", 25000, "no_answer"), plan = {} },
    want = { status = "not_billable", billed_s = 0, total = "0" },
  },
  {
    name = "no row is an error, never a price of zero",
    deck = { { prefix = "44", per_minute = "0.0120" } },
    input = { event = example("+819012345678", 60000), plan = {} },
    want = { status = "no_rate", error = "no_rate", total = "0" },
  },
  {
    name = "free seconds first, then the tier that the counter is in",
    deck = { { prefix = "1", per_minute = "0.10" } },
    input = {
      event = example("+12125550100", 100000),
      plan = { tiers = { { up_to_s = 6000, per_minute = "0.06" }, { per_minute = "0.03" } } },
      state = { counter_s = 5950, bundles = { { id = "b", remaining_s = 20 } } },
    },
    want = {
      billed_s = 100, total = "0.065", counter_s = 6030, bundles = { b = 0 },
      lines = { { kind = "bundle", seconds = 20 }, { from_s = 20, seconds = 50 }, { from_s = 70, seconds = 30 } },
    },
  },
}

--- Meters that the plan prices, and calls without a deck.
local function usage(meter, quantity, more)
  local event = {
    event_id = "e1", meter = meter, quantity = quantity, status = "answered", event_time = ANSWERED,
    answered_at = ANSWERED, duration_ms = 0,
  }
  for key, value in pairs(more or {}) do
    event[key] = value
  end
  return event
end

local function priced(name, meter, quantity, price, want, state)
  return {
    name = name, input = { event = usage(meter, quantity), plan = { prices = { [meter] = price } }, state = state },
    want = want,
  }
end

local TOKENS <const> = { model = "per_unit", price = "0.15", per = 1000000 }
local TIERS <const> = { { up_to = 1000, price = "0.01" }, { price = "0.008" } }

local meter_cases = {
  priced("tokens have a price for a million", "llm.tokens.in", 12480, TOKENS, {
    status = "rated", billed_s = 0, total = "0.001872", lines = { { kind = "unit", per = 1000000 } },
  }),
  priced("nothing used costs nothing", "llm.tokens.in", 0, TOKENS, { status = "rated", total = "0" }),
  priced("an amount is there whatever the quantity", "agent.month", 3, { model = "flat", amount = "49" }, {
    total = "49",
  }),
  priced("seats: three are included, five is the least", "seat.month", 4, {
    model = "per_seat", price = "29", included = 3, minimum = 5,
  }, { total = "58", lines = { { kind = "seat", quantity = "2", note = "3 included" } } }),
  priced("graduated: each unit at the price of its tier", "sms.segments", 300, {
    model = "graduated", tiers = TIERS,
  }, {
    total = "2.6", lines = { { quantity = "100", note = "tier 1" }, { quantity = "200", note = "tier 2" } },
    meters = { ["sms.segments"] = { quantity = "1200" } },
  }, { meters = { ["sms.segments"] = { quantity = "900" } } }),
  priced("volume: all of it at the price of the tier that is reached", "sms.segments", 1001, {
    model = "volume", tiers = TIERS,
  }, { total = "8.008" }),
  priced("packages: 1001 are two of a thousand", "tts.characters", 1001, {
    model = "package", size = 1000, price = "0.30",
  }, { total = "0.6", lines = { { kind = "package", quantity = "2" } } }),
  priced("a package that is begun is used up first", "tts.characters", 500, {
    model = "package", size = 1000, price = "0.30",
  }, { total = "0", meters = { ["tts.characters"] = { quantity = "1000" } } }, {
    meters = { ["tts.characters"] = { quantity = "500" } },
  }),
  priced("a share with a minimum", "payment.volume", "10.00", {
    model = "percentage", rate = "2.9", fixed = "0.30", min = "1",
  }, { total = "1", lines = { { kind = "percentage", amount = "0.29" }, { kind = "flat" }, { kind = "min" } } }),
  priced("a share with a cap", "payment.volume", "1000.00", { model = "percentage", rate = "2.9", max = "20" }, {
    total = "20", lines = { { amount = "29" }, { kind = "cap", amount = "-9" } },
  }),
  priced("what was not used is there in the next period, then what is above has its price", "call.minutes", 130, {
    model = "included", quantity = 100, rollover = { periods = 1 }, over = { model = "per_unit", price = "0.10" },
  }, {
    total = "1", lines = { { kind = "included", quantity = "120", amount = "0" }, { kind = "unit", quantity = "10" } },
    meters = { ["call.minutes"] = { period = 2, lots = { { last = 2, used = "100" }, { last = 3, used = "100" } } } },
  }, { period = 2, meters = { ["call.minutes"] = { period = 1, lots = { { last = 2, of = 100, used = 80 } } } } }),
  priced("a meter without a price is no gift", "sms.segments", 1, nil, {
    status = "no_rate", error = "no_price", total = "0",
  }),
  {
    name = "a plan's price for calls counts before its deck: by the minute, in blocks of six seconds",
    deck = { { prefix = "1", per_minute = "9" } },
    input = {
      event = example("+12125550100", 61000),
      plan = {
        prices = { ["call.seconds"] = { model = "per_unit", price = "0.10", initial_s = 30, increment_s = 6 } },
      },
    },
    want = { status = "rated", billed_s = 66, total = "0.11" },
  },
  {
    name = "the plan's bounds hold for such a call too",
    input = {
      event = example("+12125550100", 600000),
      plan = { prices = { ["call.seconds"] = { model = "per_unit", price = "0.10" } }, max_charge = "0.50" },
    },
    want = { total = "0.5", lines = { { amount = "1" }, { kind = "cap", amount = "-0.5" } } },
  },
}
table.move(meter_cases, 1, #meter_cases, #rate_cases + 1, rate_cases)

--- The published mechanics of others, a case for each: the packs of lib/pack_*.lua.
local VAPI <const> = "https://docs.vapi.ai/pricing"
local VAPI_KEYS <const> = "https://docs.vapi.ai/billing/cost-routing"
local VAPI_LINES <const> = "https://docs.vapi.ai/calls/call-concurrency"
local RETELL <const> = "https://docs.retellai.com/accounts/billing-exceptions"
local BLAND <const> = "https://docs.bland.ai/platform/billing"
local TWILIO <const> = "https://support.twilio.com/hc/en-us/articles/"

local function pack(name, source, call, plan, want, components, state)
  return {
    name = name, source = source, input = { plan = plan, call = call, components = components, state = state },
    want = want,
  }
end

local function seconds(n, properties, direction, status)
  return { duration_ms = n * 1000, direction = direction or "outbound", status = status, properties = properties }
end

local RETELL_PLAN <const> = { pack = "retell", pack_options = { per_minute = { llm = "0.006", voice = "0.07" } } }
local OPENING <const> = { dynamic_opening = true }
local VOICE_FULL <const> = { meters = { voice = { quantity = 500000 } } }

local component_cases = {
  {
    name = "six meters, each with its own unit and increment",
    input = {
      plan = {},
      components = {
        { meter = "telephony", price = "0.0085", initial_s = 6, increment_s = 6, duration_ms = 83400 },
        { meter = "stt", price = "0.0043", duration_ms = 83400 },
        { meter = "llm_in", price = "0.15", quantity = 12480, per = 1000000 },
        { meter = "llm_out", price = "0.60", quantity = 1932, per = 1000000 },
        { meter = "tts", price = "0.015", quantity = 1245, per = 1000 },
        { meter = "platform", price = "0.05", initial_s = 60, increment_s = 60, duration_ms = 83400 },
      },
    },
    want = {
      total = "0.139626",
      lines = {
        { billed = 84, amount = "0.0119" }, { billed = 84, amount = "0.00602" }, { amount = "0.001872" },
        { amount = "0.001159" }, { amount = "0.018675" }, { billed = 120, amount = "0.1" },
      },
    },
  },
  {
    name = "tokens from a cache and of reasoning cost what the others cost, unless they have a price",
    input = {
      plan = {
        prices = {
          ["llm.tokens.in"] = { model = "per_unit", price = "2.50", per = 1000000 },
          ["llm.tokens.cached"] = { model = "per_unit", price = "1.25", per = 1000000 },
          ["llm.tokens.out"] = { model = "per_unit", price = "10", per = 1000000 },
        },
      },
      components = {
        { meter = "llm.tokens.in", quantity = 2000 }, { meter = "llm.tokens.cached", quantity = 8000 },
        { meter = "llm.tokens.out", quantity = 300 }, { meter = "llm.tokens.reasoning", quantity = 500 },
      },
    },
    want = {
      total = "0.023",
      lines = { { amount = "0.005" }, { amount = "0.01" }, { amount = "0.003" }, { amount = "0.005" } },
    },
  },
  {
    name = "a component without a price makes no bill of the others",
    input = { plan = {}, components = { { meter = "stt", price = "1", quantity = 1 }, { meter = "x", quantity = 1 } } },
    want = { status = "no_rate", error = "no_price", meter = "x", total = "0" },
  },
  pack("vapi: the platform by the second, providers at cost", VAPI, seconds(83), { pack = "vapi" }, {
    total = "0.095167", billed_s = 83,
    lines = { { meter = "platform", billed = 83, amount = "0.069167" }, { meter = "tts", amount = "0.026" } },
  }, { { meter = "tts", cost = "0.026" } }),
  pack("vapi: no charge for a provider whose key is the customer's", VAPI_KEYS, seconds(60), { pack = "vapi" }, {
    total = "0.05", lines = { { meter = "platform" }, { kind = "own_key", amount = "0" } },
  }, { { meter = "llm.tokens.in", quantity = 12480, cost = "0.03", own_key = true } }),
  pack("vapi: ten lines are included, each more is 10 a month", VAPI_LINES, nil, { pack = "vapi" }, {
    total = "20", lines = { { kind = "seat", quantity = "2", note = "10 included" } },
  }, { { meter = "concurrency.line_month", quantity = 12 } }),
  pack("retell: six seconds with a dynamic opening are ten", RETELL, seconds(6, OPENING), RETELL_PLAN, {
    billed_s = 10, total = "0.012667", lines = { { meter = "retell.llm" }, { meter = "retell.voice", billed = 10 } },
  }),
  pack("retell: a longer call with one is as long as it is", RETELL, seconds(11, OPENING), RETELL_PLAN, {
    billed_s = 11,
  }),
  pack("retell: 60 s with 4200 prompt tokens are 72 s", RETELL, seconds(60, { prompt_tokens = 4200 }), RETELL_PLAN, {
    billed_s = 72, total = "0.0912",
  }),
  pack("retell: 3500 prompt tokens are not too many", RETELL, seconds(60, { prompt_tokens = 3500 }), RETELL_PLAN, {
    billed_s = 60, total = "0.076",
  }),
  pack("bland: ten minutes, two of them transferred, on Start", BLAND, seconds(600, { transfer_seconds = 120 }), {
    pack = "bland",
  }, { total = "1.5", lines = { { amount = "1.4" }, { meter = "bland.transfer", amount = "0.1" } } }),
  pack("bland: the same on Build", BLAND, seconds(600, { transfer_seconds = 120 }), {
    pack = "bland", pack_options = { plan = "build" },
  }, { total = "1.28" }),
  pack("bland: the same on Scale", BLAND, seconds(600, { transfer_seconds = 120 }), {
    pack = "bland", pack_options = { plan = "scale" },
  }, { total = "1.16" }),
  pack("bland: no transfer fee on an own carrier", BLAND, seconds(600, { transfer_seconds = 120 }), {
    pack = "bland", pack_options = { own_carrier = true },
  }, { total = "1.4" }),
  pack("bland: a short outbound call costs the minimum", BLAND, seconds(4), { pack = "bland" }, {
    total = "0.015", billed_s = 4, lines = { { amount = "0.009333" }, { kind = "flat", amount = "0.005667" } },
  }),
  pack("bland: a longer one absorbs it", BLAND, seconds(60), { pack = "bland" }, {
    total = "0.14", lines = { { meter = "bland.call" } },
  }),
  pack("bland: an attempt that failed costs the minimum", BLAND, seconds(0, nil, "outbound", "failed"), {
    pack = "bland",
  }, { total = "0.015", billed_s = 0 }),
  pack("bland: an inbound call has no minimum", BLAND, seconds(4, nil, "inbound"), { pack = "bland" }, {
    total = "0.009333",
  }),
  pack("bland: a message", BLAND, nil, { pack = "bland" }, { total = "0.02" }, {
    { meter = "sms.segments", quantity = 1 },
  }),
  pack("twilio: 1 min 18 s are two minutes", "https://www.twilio.com/en-us/changelog/"
    .. "billing-changes-for-voice-insights-advanced-features-usage-trunking", seconds(78), { pack = "twilio" }, {
    billed_s = 120, total = "0.026", lines = { { meter = "voice.outbound", quantity = "2" } },
  }),
  pack("twilio: above 500,000 minutes of any kind the next inbound one is cheaper", TWILIO .. "223183328",
    seconds(60000, nil, "inbound"), { pack = "twilio" }, { total = "8", lines = { { note = "tier 2" } } }, nil,
    VOICE_FULL),
  pack("twilio: a call over the volume is split at the minute", TWILIO .. "223183328", seconds(120, nil, "inbound"), {
    pack = "twilio",
  }, {
    total = "0.0165", lines = { { amount = "0.0085" }, { amount = "0.008" } },
    meters = { voice = { quantity = "500001" } },
  }, nil, { meters = { voice = { quantity = 499999 } } }),
  pack("twilio: numbers of both kinds fill the volume together", TWILIO .. "223183328", nil, { pack = "twilio" }, {
    total = "1200.5", lines = { { amount = "800" }, { amount = "400" }, { amount = "0.5", note = "tier 2" } },
  }, {
    { meter = "number.month", quantity = 800 }, { meter = "number.toll_free_month", quantity = 200 },
    { meter = "number.month", quantity = 1 },
  }),
  pack("twilio: Flex costs each user who logged in, of any role", TWILIO .. "47882410772123", nil, {
    pack = "twilio",
  }, { total = "105" }, { { meter = "seat.active_month", quantity = 3 } }),
}

local true_up_cases = {
  {
    name = "volume: the sum of the period reached a cheaper tier",
    input = {
      charged = "104", quantity = 10500,
      price = { model = "volume", tiers = { { up_to = 10000, price = "0.010" }, { price = "0.008" } } },
    },
    want = { should_be = "84", adjustment = "-20" },
  },
  {
    name = "a commitment that was not met",
    input = { charged = "480", price = { model = "commitment", minimum = "500" } },
    want = { should_be = "500", adjustment = "20", lines = { { kind = "commitment", amount = "20" } } },
  },
  {
    name = "a commitment that was met",
    input = { charged = "500", price = { model = "commitment", minimum = "500" } },
    want = { should_be = "500", adjustment = "0" },
  },
}

local normalize_cases = {
  {
    name = "a national number gets its country",
    input = { raw = "030 1234567", plan = { cc = "49", idd = "00", trunk = "0" } },
    want = { digits = "49301234567" },
  },
  {
    name = "a caller in a country dials as one does there",
    input = { raw = "8 10 49 30 1234567", plan = { country = "RU" } },
    want = { digits = "49301234567" },
  },
  {
    name = "a country that nobody knows has only numbers with a plus",
    input = { raw = "030 1234567", plan = { country = "ZZ" } },
    want = { error = "not_e164" },
  },
  { name = "a short code is no number", input = { raw = "911", plan = {} }, want = { error = "not_e164" } },
}

local DECK_LIBS <const> = {
  "lib.balances", "lib.blocks", "lib.bundles", "lib.calls", "lib.countries", "lib.e164", "lib.lines", "lib.order",
  "lib.tiers",
}
local PRICE_LIBS <const> = {
  "lib.terms", "lib.flat", "lib.per_unit", "lib.per_seat", "lib.graduated", "lib.volume", "lib.package",
  "lib.percentage", "lib.commitment", "lib.included",
}
local METER_LIBS <const> = {
  "lib.components", "lib.metered", "lib.pack_vapi", "lib.pack_retell", "lib.pack_bland", "lib.pack_twilio", "lib.usage",
}

--- Capabilities and lists of libraries, one after the other.
local function needs(first, ...)
  local all = { table.unpack(first) }
  for i = 1, select("#", ...) do
    local more = select(i, ...)
    table.move(more, 1, #more, #all + 1, all)
  end
  return all
end

return {
  {
    hook = "pricing.rate_usage",
    api = 1,
    needs = needs({ "decimal", "deck", "calendar", "text" }, DECK_LIBS, PRICE_LIBS, METER_LIBS),
    decide = rate_usage,
    cases = rate_cases,
  },
  {
    hook = "pricing.rate_components",
    api = 1,
    needs = needs({ "decimal", "text" }, DECK_LIBS, PRICE_LIBS, METER_LIBS),
    decide = rate_components,
    cases = component_cases,
  },
  {
    hook = "pricing.true_up",
    api = 1,
    needs = needs({ "decimal", "lib.true_up" }, PRICE_LIBS),
    decide = true_up,
    cases = true_up_cases,
  },
  {
    hook = "pricing.normalize_number",
    api = 1,
    needs = { "text", "lib.countries", "lib.e164" },
    decide = normalize,
    cases = normalize_cases,
  },
}
