--- What a call costs: the hook pricing.rate_usage; and pricing.normalize_number.
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
-- The deck that prices is cap.deck. The rules R1 to R14 are in pricing/rating.md.

local function rate_usage(input, cap)
  local lib = cap.lib
  return lib.calls.rate(input.event, input.plan, input.state, cap, lib)
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

return {
  {
    hook = "pricing.rate_usage",
    api = 1,
    needs = {
      "decimal", "deck", "calendar", "text",
      "lib.balances", "lib.blocks", "lib.bundles", "lib.calls", "lib.countries", "lib.e164", "lib.lines", "lib.order",
      "lib.tiers",
    },
    decide = rate_usage,
    cases = rate_cases,
  },
  {
    hook = "pricing.normalize_number",
    api = 1,
    needs = { "text", "lib.countries", "lib.e164" },
    decide = normalize,
    cases = normalize_cases,
  },
}
