--- The role allows it; here is asked whether anything about this very request forbids it.
-- It only takes away: what the roles do not give, no rule gives. A failure denies.

local TEN_MINUTES_US <const> = 600 * 1000000

--- Whether a policy's permission is meant: by its name, or "*" for everything that is more than looking.
local function is_meant(pattern, permission)
  return pattern == permission or (pattern == "*" and permission:sub(-5) ~= ":read")
end

local function contains(list, value, matches)
  for _, entry in ipairs(list or {}) do
    if matches(entry, value) then
      return true
    end
  end
  return false
end

local function is_equal(a, b)
  return a == b
end

--- "08:30" as minutes of the day.
local function minutes_of(clock)
  local hour, minute = tonumber(clock:sub(1, 2)), tonumber(clock:sub(4, 5))
  assert(#clock == 5 and hour and minute and clock:sub(3, 3) == ":", "hours must be like 08:30")
  return math.tointeger(hour) * 60 + math.tointeger(minute)
end

--- Whether the request comes at an hour for which the policy says yes. Hours over midnight belong to the day they
-- begin on. A policy without hours for this permission says yes at any time.
local function is_in_hours(input, policy, cap)
  local asked, here = false, nil
  for _, hours in ipairs(policy.hours or {}) do
    if is_meant(hours.permission, input.permission) then
      here = here or cap.calendar.local_time(input.at, policy.timezone or "UTC")
      asked = true
      local now, from, to = here.hour * 60 + here.minute, minutes_of(hours.from), minutes_of(hours.to)
      local today, yesterday = here.weekday, (here.weekday + 5) % 7 + 1
      local over_midnight = to <= from
      if contains(hours.days, today, is_equal) and now >= from and (over_midnight or now < to) then
        return true
      elseif over_midnight and contains(hours.days, yesterday, is_equal) and now < to then
        return true
      end
    end
  end
  return not asked
end

--- Whether the amount is within what the policy lets this actor move. Several limits: one that allows is enough, so
-- that a role may have a higher one. An amount in a currency that no limit names is not within any.
local function is_in_amount(input, policy, cap)
  local resource, asked = input.resource, false
  for _, limit in ipairs(policy.amounts or {}) do
    local concerns = limit.role == nil or contains(input.actor.roles, limit.role, is_equal)
    if concerns and is_meant(limit.permission, input.permission) then
      asked = true
      if limit.currency == resource.currency and cap.decimal.cmp(resource.amount, limit.max) <= 0 then
        return true
      end
    end
  end
  return not asked
end

local function is_fresh(input)
  local age_us = input.reauthenticated_at and input.at - input.reauthenticated_at
  return age_us ~= nil and age_us >= 0 and age_us <= TEN_MINUTES_US
end

local function deny(reason)
  return { allow = false, reason = reason }
end

local function decide(input, cap)
  local actor, resource, policy = input.actor, input.resource, input.policy or {}
  if actor.kind == "system" then
    return { allow = true }
  elseif resource.company ~= actor.company and not resource.below then
    return deny("other_company")
  elseif resource.company ~= actor.company and contains(policy.own_only, input.permission, is_meant) then
    return deny("own_company_only")
  elseif not is_in_hours(input, policy, cap) then
    return deny("hours")
  elseif resource.amount and not is_in_amount(input, policy, cap) then
    return deny("amount_limit")
  elseif actor.kind == "user" and contains(policy.fresh, input.permission, is_meant) and not is_fresh(input) then
    return deny("reauthenticate")
  end
  return { allow = true }
end

--- 2026-07-15T10:00:00Z, a Wednesday; 12:00 in Berlin.
local NOW <const> = 1784109600000000
local HOUR_US <const> = 3600000000

--- A user of co_a asks to refund 60 dollars; `more` replaces what it names.
local function ask(policy, more)
  local input = {
    actor = { id = "usr_1", kind = "user", company = "co_a", roles = { "billing_manager" } },
    permission = "refunds:write",
    resource = { company = "co_a", amount = "60.00", currency = "USD" },
    at = NOW,
    policy = policy,
  }
  for name, value in pairs(more or {}) do
    input[name] = value
  end
  return input
end

local amounts = {
  { permission = "refunds:write", currency = "USD", max = "50" },
  { permission = "refunds:write", currency = "USD", max = "1000", role = "finance" },
}
local office = {
  timezone = "Europe/Berlin",
  hours = { { permission = "*", days = { 1, 2, 3, 4, 5 }, from = "08:00", to = "18:00" } },
}
local night = {
  timezone = "UTC", hours = { { permission = "refunds:write", days = { 2 }, from = "22:00", to = "06:00" } },
}
local finance = { id = "usr_2", kind = "user", company = "co_a", roles = { "finance" } }

return {
  hook = "rbac.authorize",
  api = 1,
  needs = { "calendar", "decimal" },
  decide = decide,
  cases = {
    { name = "nothing is forbidden without a policy", input = ask(nil), want = { allow = true } },
    {
      name = "another company's things are nobody's",
      input = ask(nil, { resource = { company = "co_z" } }), want = { allow = false, reason = "other_company" },
    },
    {
      name = "a company below is one's own",
      input = ask(nil, { resource = { company = "co_b", below = true } }), want = { allow = true },
    },
    {
      name = "but not for what is for the own company only",
      input = ask({ own_only = { "refunds:write" } }, { resource = { company = "co_b", below = true } }),
      want = { allow = false, reason = "own_company_only" },
    },
    {
      name = "60 dollars are above 50",
      input = ask({ amounts = amounts }), want = { allow = false, reason = "amount_limit" },
    },
    {
      name = "exactly 50 are not",
      input = ask({ amounts = amounts }, { resource = { company = "co_a", amount = "50.00", currency = "USD" } }),
      want = { allow = true },
    },
    { name = "a role may move more", input = ask({ amounts = amounts }, { actor = finance }), want = { allow = true } },
    {
      name = "a currency without a limit has none to be within",
      input = ask({ amounts = amounts }, { resource = { company = "co_a", amount = "1", currency = "KWD" } }),
      want = { allow = false, reason = "amount_limit" },
    },
    {
      name = "a limit of refunds does not concern what has no amount",
      input = ask({ amounts = amounts }, { permission = "rates:write", resource = { company = "co_a" } }),
      want = { allow = true },
    },
    { name = "in office hours", input = ask(office), want = { allow = true } },
    {
      name = "at 18:00 in Berlin they are over, whatever the clock says in UTC",
      input = ask(office, { at = NOW + 6 * HOUR_US }), want = { allow = false, reason = "hours" },
    },
    {
      name = "on Saturday there are none",
      input = ask(office, { at = NOW + 72 * HOUR_US }), want = { allow = false, reason = "hours" },
    },
    {
      name = "looking is allowed at night",
      input = ask(office, { permission = "invoices:read", at = NOW + 12 * HOUR_US }), want = { allow = true },
    },
    {
      name = "a shift over midnight belongs to the day it began on",
      input = ask(night, { at = NOW - 5 * HOUR_US }), want = { allow = true },
    },
    {
      name = "the next evening is another day",
      input = ask(night, { at = NOW + 13 * HOUR_US }), want = { allow = false, reason = "hours" },
    },
    {
      name = "a second factor of nine minutes ago is fresh",
      input = ask({ fresh = { "refunds:write" } }, { reauthenticated_at = NOW - 540000000 }), want = { allow = true },
    },
    {
      name = "eleven minutes are not",
      input = ask({ fresh = { "*" } }, { reauthenticated_at = NOW - 660000000 }),
      want = { allow = false, reason = "reauthenticate" },
    },
    {
      name = "a second factor from the future is none",
      input = ask({ fresh = { "*" } }, { reauthenticated_at = NOW + 1 }),
      want = { allow = false, reason = "reauthenticate" },
    },
    {
      name = "hours that are no hours fail, and a failure denies",
      input = ask({ hours = { { permission = "*", days = { 3 }, from = "8", to = "18:00" } } }),
      error = "hours must be like 08:30",
    },
    {
      name = "the server's own jobs are not asked for the hour",
      input = ask(office, { actor = { id = "jobs", kind = "system", company = "co_0" }, at = NOW + 72 * HOUR_US }),
      want = { allow = true },
    },
  },
}
