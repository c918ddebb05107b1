--- May a call start, and what does its next slice cost?

-- --- charging.admit --------------------------------------------------------------------------------------------------

--- The longest prefix of the list that the digits begin with.
local function prefix_of(digits, prefixes, text)
  local longest
  for _, prefix in ipairs(prefixes or {}) do
    if text.starts_with(digits, prefix) and (longest == nil or #prefix > #longest) then
      longest = prefix
    end
  end
  return longest
end

--- Why the destination is barred, or nil. Of two prefixes the longer one decides, so that one number can be opened
-- in a country that is closed, and the other way round.
local function destination_fault(digits, limits, text)
  local blocked = prefix_of(digits, limits.blocked_prefixes, text)
  local allowed = prefix_of(digits, limits.allowed_prefixes, text)
  if blocked and (allowed == nil or #blocked >= #allowed) then
    return "the prefix " .. blocked .. " is blocked"
  elseif limits.allowed_prefixes and allowed == nil then
    return "the number has none of the allowed prefixes"
  end
  return nil
end

--- More digits than a number has. Networks pass over what is too much, so it may well reach what is barred.
local function is_overdialled(dialled, text)
  local digits = text.without(dialled, " -.()/+")
  return #digits > 15 and text.is_digits(digits)
end

--- Calls at a time, then calls begun, in the order in which they are told.
local LINES <const> = {
  { limit = "concurrent_calls", count = "open", text = "%d lines" },
  { limit = "calls_per_number", count = "number_open", text = "%d lines to one number" },
  { limit = "calls_per_agent", count = "agent_open", text = "%d lines of one agent" },
}
local RATES <const> = {
  { limit = "calls_per_minute", count = "last_minute", text = "%d calls a minute" },
  { limit = "calls_per_hour", count = "last_hour", text = "%d calls an hour" },
  { limit = "same_number_per_hour", count = "same_number_last_hour", text = "%d calls to one number an hour" },
}

--- Which limit of the list one more call would pass, or nil. What nobody has counted passes none.
local function limit_fault(list, counts, limits)
  for _, one in ipairs(list) do
    local most, n = limits[one.limit], counts[one.count]
    if most and n and n >= most then
      return one.text:format(most)
    end
  end
  return nil
end

local function deny(reason, detail)
  return { decision = "deny", reason = reason, detail = detail }
end

--- What cannot be helped comes first, what another minute may help comes last.
local function admit(input, cap)
  local company, counts = input.company, input.counts
  local limits = company.limits or {}
  if company.status ~= "active" then
    return deny("company_suspended", "the company is " .. company.status)
  end
  local fault = input.digits and destination_fault(input.digits, limits, cap.text)
  if fault then
    return deny("destination_blocked", fault)
  elseif input.digits == nil and limits.allowed_prefixes then
    return deny("destination_blocked", "what was dialled is no number")
  elseif input.digits == nil and limits.blocked_prefixes and is_overdialled(input.call.to, cap.text) then
    return deny("destination_blocked", "what was dialled has more digits than a number")
  elseif input.fraud_score and input.fraud_score >= (limits.fraud_score or 90) then
    return deny("rule_denied", ("fraud score %d"):format(input.fraud_score))
  end
  fault = limit_fault(LINES, counts, limits)
  if fault then
    return deny("concurrency_limit", fault)
  end
  fault = limit_fault(RATES, counts, limits)
  if fault then
    return deny("rule_denied", fault)
  end
  return { decision = "allow" }
end

local NOW <const> = 1784109600000000

--- A call to London by a company with these limits; `more` replaces what it names.
local function ask(limits, more)
  local input = {
    call = { call_id = "c-1", to = "+442079460000", at = NOW },
    company = { id = "co_a", status = "active", limits = limits },
    counts = { open = 3, last_minute = 10, last_hour = 100, same_number_last_hour = 2 },
    digits = "442079460000",
  }
  for name, value in pairs(more or {}) do
    input[name] = value
  end
  return input
end

local admit_cases = {
  { name = "a company without limits calls", input = ask(nil), want = { decision = "allow" } },
  {
    name = "a suspended company does not",
    input = ask(nil, { company = { id = "co_a", status = "suspended" } }),
    want = { decision = "deny", reason = "company_suspended" },
  },
  {
    name = "a closed one neither",
    input = ask(nil, { company = { id = "co_a", status = "closed" } }),
    want = { decision = "deny", reason = "company_suspended", detail = "the company is closed" },
  },
  {
    name = "a blocked prefix is told",
    input = ask({ blocked_prefixes = { "882", "4420" } }),
    want = { decision = "deny", reason = "destination_blocked", detail = "the prefix 4420 is blocked" },
  },
  {
    name = "a blocked prefix of another country does not matter",
    input = ask({ blocked_prefixes = { "4470", "1" } }), want = { decision = "allow" },
  },
  {
    name = "with allowed prefixes everything else is blocked",
    input = ask({ allowed_prefixes = { "1", "49" } }),
    want = { decision = "deny", reason = "destination_blocked" },
  },
  {
    name = "a number may be open in a country that is not",
    input = ask({ blocked_prefixes = { "44" }, allowed_prefixes = { "4", "442079" } }),
    want = { decision = "allow" },
  },
  {
    name = "and closed in a country that is open",
    input = ask({ blocked_prefixes = { "442079" }, allowed_prefixes = { "44" } }),
    want = { decision = "deny", reason = "destination_blocked" },
  },
  {
    name = "what is no number has no allowed prefix",
    input = {
      call = { call_id = "c-1", to = "911", at = NOW },
      company = { id = "co_a", status = "active", limits = { allowed_prefixes = { "1" } } },
      counts = { open = 0, last_minute = 0, last_hour = 0 },
    },
    want = { decision = "deny", reason = "destination_blocked" },
  },
  {
    name = "digits too many hide no blocked prefix",
    input = {
      call = { call_id = "c-1", to = "+88216 555 01234-56789", at = NOW },
      company = { id = "co_a", status = "active", limits = { blocked_prefixes = { "882" } } },
      counts = { open = 0, last_minute = 0, last_hour = 0 },
    },
    want = { decision = "deny", reason = "destination_blocked" },
  },
  {
    name = "what is not dialled is no number, and not blocked",
    input = {
      call = { call_id = "c-1", to = "sip:agent-7@example.com", at = NOW },
      company = { id = "co_a", status = "active", limits = { blocked_prefixes = { "882" } } },
      counts = { open = 0, last_minute = 0, last_hour = 0 },
    },
    want = { decision = "allow" },
  },
  {
    name = "the last line is free",
    input = ask({ concurrent_calls = 4 }), want = { decision = "allow" },
  },
  {
    name = "then there is none",
    input = ask({ concurrent_calls = 3 }),
    want = { decision = "deny", reason = "concurrency_limit", detail = "3 lines" },
  },
  {
    name = "no lines at all",
    input = ask({ concurrent_calls = 0 }), want = { decision = "deny", reason = "concurrency_limit" },
  },
  {
    name = "one line to a number, whoever calls it",
    input = ask({ calls_per_number = 1 }, { counts = { open = 3, number_open = 1 } }),
    want = { decision = "deny", reason = "concurrency_limit", detail = "1 lines to one number" },
  },
  {
    name = "an agent talks to two at a time",
    input = ask({ calls_per_agent = 2 }, { counts = { open = 3, agent_open = 1 } }),
    want = { decision = "allow" },
  },
  {
    name = "and not to three",
    input = ask({ calls_per_agent = 2 }, { counts = { open = 3, agent_open = 2 } }),
    want = { decision = "deny", reason = "concurrency_limit", detail = "2 lines of one agent" },
  },
  {
    name = "a call of no agent has no limit of agents",
    input = ask({ calls_per_agent = 0 }, { counts = { open = 3 } }), want = { decision = "allow" },
  },
  {
    name = "ten calls a minute and no eleventh",
    input = ask({ calls_per_minute = 10 }),
    want = { decision = "deny", reason = "rule_denied", detail = "10 calls a minute" },
  },
  { name = "an hour's limit that is not met", input = ask({ calls_per_hour = 101 }), want = { decision = "allow" } },
  {
    name = "a number that is called again and again",
    input = ask({ same_number_per_hour = 2 }),
    want = { decision = "deny", reason = "rule_denied", detail = "2 calls to one number an hour" },
  },
  { name = "a fraud score of 89 passes", input = ask(nil, { fraud_score = 89 }), want = { decision = "allow" } },
  {
    name = "90 does not",
    input = ask(nil, { fraud_score = 90 }),
    want = { decision = "deny", reason = "rule_denied", detail = "fraud score 90" },
  },
  {
    name = "a company may be more careful",
    input = ask({ fraud_score = 50 }, { fraud_score = 60 }), want = { decision = "deny", reason = "rule_denied" },
  },
}

-- --- charging.quote --------------------------------------------------------------------------------------------------

--- Nothing is granted.
local function grant_nothing(input, status, why, cap)
  return {
    status = status, reason = why, granted_s = 0, max_s = input.used_s or 0, renew_in_s = 0, final = true,
    hold = cap.decimal.new(0),
  }
end

--- The row that prices the call when the slice begins, for whoever asks what a minute costs; empty without a deck.
local function row_of(input, cap)
  local lib, plan, slice = cap.lib.pricing, input.plan, cap.lib.slice
  if not (slice.has_deck(plan) and slice.meters_of(input)) then
    return {}
  end
  local at_us = (input.answered_at or input.call.at) + (input.used_s or 0) * 1000000
  local windows = plan.windows and cap.calendar.windows(plan.windows, plan.timezone or "UTC")
  return cap.deck.find(lib.e164.normalise(input.call.to, plan, cap.text, lib.countries), at_us, windows)
end

--- Holds the price of all meters of the call up to the end of the slice, less what was charged (rating.md R17): fees, a
-- minimum, a price that changes meanwhile are in it. A block that is begun is paid for to its end, so the slice may be
-- longer than was asked.
local function quote(input, cap)
  local used_s, requested_s = input.used_s or 0, input.requested_s or 60
  local debited = cap.decimal.new(input.debited or 0)
  local max_s, price, result = cap.lib.slice.paid(input, used_s + requested_s, debited, cap)
  if max_s == nil then
    local status = result.status == "blocked" and "blocked" or "no_rate"
    return grant_nothing(input, status, result.error or result.status, cap)
  elseif max_s <= used_s then
    return grant_nothing(input, "insufficient_funds", nil, cap)
  end
  local row, after = row_of(input, cap), input.state and result or {}
  local granted_s, final = max_s - used_s, max_s < used_s + requested_s
  return {
    status = "quoted", prefix = row.prefix, per_minute = row.per_minute, connect_fee = row.connect_fee,
    initial_s = row.initial_s, increment_s = row.increment_s, granted_s = granted_s, max_s = max_s,
    renew_in_s = final and granted_s or math.min(granted_s, math.max(1, requested_s * 3 // 4)), final = final,
    hold = cap.decimal.max(price - debited, 0),
    counter_s = after.counter_s, bundles = after.bundles, meters = after.meters,
  }
end

local london = { { prefix = "44", per_minute = "0.0120", initial_s = 60, increment_s = 60 } }
local by_second = { { prefix = "44", per_minute = "0.06", initial_s = 1, increment_s = 1, connect_fee = "0.01" } }

--- A quote of a call to London.
local function want_quote(changes)
  local input = { call = { call_id = "c-1", to = "+442079460000", at = NOW }, plan = {} }
  for name, value in pairs(changes or {}) do
    input[name] = value
  end
  return input
end

local ai_call = {
  call_id = "c-1", to = "+442079460000", at = NOW, meters = { "call.seconds", "llm.tokens.in" },
}

--- A plan that expects 900 tokens a minute, at so much a million.
local function ai_plan(price)
  return {
    prices = {
      ["llm.tokens.in"] = { model = "per_unit", price = price or "1", per = 1000000 },
      ["tts.characters"] = { model = "per_unit", price = "0.015", per = 1000 },
    },
    expected = { ["llm.tokens.in"] = "900" },
  }
end

local quote_cases = {
  {
    name = "a minute at 60/60", deck = london, input = want_quote(),
    want = {
      status = "quoted", hold = "0.012", max_s = 60, granted_s = 60, renew_in_s = 45, final = false, prefix = "44",
      per_minute = "0.012", initial_s = 60, increment_s = 60,
    },
  },
  {
    name = "after 45 seconds the second minute, of which the first is paid",
    deck = london, input = want_quote({ answered_at = NOW, used_s = 45, debited = "0.012" }),
    want = { hold = "0.012", max_s = 120, granted_s = 75, renew_in_s = 45, final = false },
  },
  {
    name = "the connect fee is in the first hold",
    deck = by_second, input = want_quote({ requested_s = 30 }),
    want = { hold = "0.04", connect_fee = "0.01", max_s = 30 },
  },
  {
    name = "money for less than was asked is the end",
    deck = by_second, input = want_quote({ available = "0.05" }),
    want = { max_s = 40, granted_s = 40, hold = "0.05", final = true, renew_in_s = 40 },
  },
  {
    name = "later it counts what was charged already",
    deck = by_second, input = want_quote({ used_s = 60, debited = "0.07", available = "0.02" }),
    want = { max_s = 80, granted_s = 20, hold = "0.02", final = true },
  },
  {
    name = "money for no second at all",
    deck = by_second, input = want_quote({ available = "0.01" }),
    want = { status = "insufficient_funds", granted_s = 0, hold = "0", final = true },
  },
  {
    name = "money for a part of a block is money for none",
    deck = london, input = want_quote({ available = "0.0119" }), want = { status = "insufficient_funds" },
  },
  {
    name = "the allowance comes first",
    deck = by_second,
    input = want_quote({ available = "0.02", state = { bundles = { { id = "b", remaining_s = 50 } } } }),
    want = { max_s = 60, hold = "0.02", final = false, bundles = { b = 0 } },
  },
  {
    name = "a tier that ends in the slice; the counter is told as it would be then",
    deck = by_second,
    input = want_quote({
      plan = { tiers = { { up_to_s = 100, per_minute = "0.06" }, { per_minute = "0.03" } } },
      state = { counter_s = 60 },
    }),
    want = { hold = "0.06", counter_s = 120 }, -- 0.01 + 40 × 0.001 + 20 × 0.0005
  },
  {
    name = "a minimum charge is held at once",
    deck = london, input = want_quote({ plan = { min_charge = "0.10" } }), want = { hold = "0.1" },
  },
  {
    name = "dearer in two minutes, and asked for five",
    deck = {
      { prefix = "44", per_minute = "0.06", initial_s = 1, increment_s = 1, to = "2026-07-15T10:02:00Z" },
      { prefix = "44", per_minute = "0.12", initial_s = 1, increment_s = 1, from = "2026-07-15T10:02:00Z" },
    },
    input = want_quote({ requested_s = 300 }), want = { hold = "0.48", per_minute = "0.06", max_s = 300 },
  },
  {
    name = "a slice shorter than the grace has a price too",
    deck = by_second, input = want_quote({ plan = { grace_s = 30 }, requested_s = 10 }),
    want = { status = "quoted", max_s = 31, hold = "0.041" },
  },
  {
    name = "a price for calls needs no deck",
    input = want_quote({
      plan = { prices = { ["call.seconds"] = { model = "per_unit", price = "0.06", increment_s = 6 } } },
      available = "0.05",
    }),
    want = { status = "quoted", max_s = 49, hold = "0.049", final = true },
  },
  {
    name = "nor does a price pack, whose mechanics the hold follows",
    input = want_quote({
      call = { call_id = "c-1", to = "+442079460000", at = NOW, properties = { prompt_tokens = 7000 } },
      plan = { pack = "retell", pack_options = { per_minute = { voice = "0.06" } } }, available = "0.05",
    }),
    want = { status = "quoted", max_s = 25, hold = "0.05", final = true },
  },
  {
    name = "tokens that the plan expects are held for, too",
    deck = by_second, input = want_quote({ call = ai_call, plan = ai_plan() }),
    want = { max_s = 60, hold = "0.0709" }, -- 0.01 + 0.06 + 900 × 1 ÷ 1,000,000
  },
  {
    name = "later the hold covers all of them: they are charged at the end",
    deck = by_second,
    input = want_quote({ call = ai_call, plan = ai_plan(), used_s = 45, debited = "0.055", requested_s = 75 }),
    want = { max_s = 120, hold = "0.0768" },
  },
  {
    name = "they shorten what the money is enough for",
    deck = by_second, input = want_quote({ call = ai_call, plan = ai_plan("100"), available = "0.08" }),
    want = { max_s = 28, final = true, hold = "0.08" }, -- 0.01 + 28 × 0.0025
  },
  {
    name = "a meter with a price that nobody expects anything of is held for with nothing: it may overrun",
    deck = by_second,
    input = want_quote({
      call = { call_id = "c-1", to = "+442079460000", at = NOW, meters = { "call.seconds", "tts.characters" } },
      plan = ai_plan(),
    }),
    want = { hold = "0.07" },
  },
  {
    name = "what has no price is expected in vain",
    deck = by_second, input = want_quote({ call = ai_call, plan = { expected = { ["llm.tokens.in"] = 900 } } }),
    want = { hold = "0.07" },
  },
  {
    name = "a provider at cost: what is expected is money",
    input = want_quote({
      call = { call_id = "c-1", to = "+442079460000", at = NOW, meters = { "call.seconds", "tts" } },
      plan = { pack = "vapi", expected = { tts = "0.02" } },
    }),
    want = { max_s = 60, hold = "0.07" },
  },
  {
    name = "where a volume makes the whole cheaper, the dearest end is held for",
    input = want_quote({
      plan = {
        prices = { ["call.seconds"] = {
          model = "volume", tiers = { { up_to = 100, price = "0.60" }, { price = "0.30" } },
        } },
      },
      state = { meters = { ["call.seconds"] = { quantity = "50" } } },
    }),
    want = { max_s = 60, hold = "0.5" }, -- 50 × 0.01; 60 seconds are 0.30
  },
  {
    name = "and it is what the money must be enough for",
    input = want_quote({
      call = ai_call, available = "0.074",
      plan = {
        prices = {
          ["call.seconds"] = { model = "per_unit", price = "0.06" },
          ["llm.tokens.in"] = {
            model = "volume", tiers = { { up_to = 450, price = "0.0001" }, { price = "0.00001" } },
          },
        },
        expected = { ["llm.tokens.in"] = 900 },
      },
    }),
    want = { max_s = 29, final = true, hold = "0.0725" }, -- 30 would be 0.075, a minute 0.069
  },
  {
    name = "a talk without telephony needs no deck",
    deck = {},
    input = want_quote({
      call = { call_id = "c-1", to = "web", at = NOW, meters = { "llm.tokens.in" } }, plan = ai_plan("1000"),
      available = "0.40",
    }),
    want = { status = "quoted", max_s = 26, hold = "0.39", final = true },
  },
  { name = "no row, no call", deck = {}, input = want_quote(), want = { status = "no_rate", hold = "0" } },
  {
    name = "a barred destination",
    deck = { { prefix = "44", per_minute = "1", blocked = true } }, input = want_quote(),
    want = { status = "blocked", reason = "blocked", granted_s = 0 },
  },
  {
    name = "what is no number has no price",
    deck = london, input = want_quote({ call = { call_id = "c-1", to = "911", at = NOW } }),
    want = { status = "no_rate", reason = "not_e164" },
  },
}

--- All that a price may ask for.
local PRICING <const> = {
  "balances", "blocks", "bundles", "calls", "commitment", "components", "countries", "e164", "flat", "graduated",
  "included", "lines", "max_usage", "metered", "order", "pack_bland", "pack_retell", "pack_twilio", "pack_vapi",
  "package", "per_seat", "per_unit", "percentage", "terms", "tiers", "usage", "volume",
}
local quote_needs = { "calendar", "decimal", "deck", "text", "lib.slice" }
for _, name in ipairs(PRICING) do
  quote_needs[#quote_needs + 1] = "lib.pricing." .. name
end

return {
  { hook = "charging.admit", api = 1, needs = { "text" }, decide = admit, cases = admit_cases },
  {
    hook = "charging.quote",
    api = 1,
    needs = quote_needs,
    decide = quote,
    cases = quote_cases,
  },
}
