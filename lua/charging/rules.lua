--- May a call start?

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

--- The limits of speed in the order in which they are told.
local RATES <const> = {
  { limit = "calls_per_minute", count = "last_minute", text = "%d calls a minute" },
  { limit = "calls_per_hour", count = "last_hour", text = "%d calls an hour" },
  { limit = "same_number_per_hour", count = "same_number_last_hour", text = "%d calls to one number an hour" },
}

--- Which limit of speed one more call would pass, or nil.
local function rate_fault(counts, limits)
  for _, rate in ipairs(RATES) do
    local most = limits[rate.limit]
    if most and (counts[rate.count] or 0) >= most then
      return rate.text:format(most)
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
  elseif input.fraud_score and input.fraud_score >= (limits.fraud_score or 90) then
    return deny("rule_denied", ("fraud score %d"):format(input.fraud_score))
  elseif limits.concurrent_calls and counts.open >= limits.concurrent_calls then
    return deny("concurrency_limit", ("%d lines"):format(limits.concurrent_calls))
  end
  fault = rate_fault(counts, limits)
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

return {
  { hook = "charging.admit", api = 1, needs = { "text" }, decide = admit, cases = admit_cases },
}
