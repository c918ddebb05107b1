--- The steps from a failed payment to a paid or a written-off invoice.
local dunning = {}

local HOUR_US <const> = 3600 * 1000000
local DAY_US <const> = 24 * HOUR_US
local DAY_BEGINS <const>, DAY_ENDS <const> = 8, 20 -- hours at which people may be charged
local NETWORK_TRIES <const> = 3

local RETRY_DAYS <const> = { 1, 3, 7, 14 }
local SUSPEND_DAYS <const>, CLOSE_DAYS <const> = 16, 45

--- The instant, or the next morning of the customer's.
function dunning.in_daytime(at_us, timezone, calendar)
  local here = calendar.local_time(at_us, timezone)
  if here.hour >= DAY_BEGINS and here.hour < DAY_ENDS then
    return at_us
  end
  local hours = (DAY_BEGINS - here.hour) % 24
  return at_us + hours * HOUR_US - (here.minute * 60 + here.second) * 1000000
end

--- How many of the last attempts in a row failed in a class.
local function run_of(attempts, class, class_of)
  local n = 0
  for i = #attempts, 1, -1 do
    if class_of(attempts[i]) ~= class then
      break
    end
    n = n + 1
  end
  return n
end

--- How many attempts came to an answer: those count in the schedule.
local function count_answered(attempts, class_of)
  local n = 0
  for _, attempt in ipairs(attempts) do
    n = class_of(attempt) == "network" and n or n + 1
  end
  return math.max(n, math.min(#attempts, 1))
end

--- When the next attempt is due: the first with the invoice, then by the schedule, a day after the last one at least;
-- nil when the schedule is over. It stays due until it is made.
local function next_attempt(input, days, class_of)
  local last, n = input.attempts[#input.attempts], count_answered(input.attempts, class_of)
  local day = n == 0 and 0 or days[n]
  if day == nil then
    return nil
  end
  return math.max(input.now, input.invoice.due_at + day * DAY_US, last and last.at + DAY_US or 0)
end

--- What happens when no retry is left.
local function at_the_end(input, policy, overdue, class, level)
  local suspend_days = policy.suspend_days or SUSPEND_DAYS
  if overdue >= suspend_days then
    return { action = "suspend", class = class, level = 3, notice = "suspended", reason = "schedule_over" }
  end
  return {
    action = "wait", at = input.invoice.due_at + suspend_days * DAY_US, class = class, level = level,
    notice = "last_warning", reason = "schedule_over",
  }
end

local function ask_for(notice, input, policy, overdue, class, level)
  if overdue >= (policy.suspend_days or SUSPEND_DAYS) then
    return { action = "suspend", class = class, level = 3, notice = "suspended", reason = notice }
  end
  return { action = "ask_customer", at = input.now, class = class, level = level, notice = notice, reason = notice }
end

--- A decline of which the next attempt may know better, or no attempt yet.
local function later(input, policy, overdue, class, level, class_of, calendar)
  local at = next_attempt(input, policy.retry_days or RETRY_DAYS, class_of)
  if at == nil then
    return at_the_end(input, policy, overdue, class, level)
  end
  return {
    action = "retry", at = dunning.in_daytime(at, input.timezone or "UTC", calendar), class = class, level = level,
    notice = class and "payment_failed", reason = class and "schedule" or "first_attempt",
  }
end

--- The next step of an invoice that is due and not paid.
function dunning.step(input, class_of, calendar)
  local policy, attempts = input.policy or {}, input.attempts
  local last = attempts[#attempts]
  local overdue = (input.now - input.invoice.due_at) // DAY_US
  local level = math.min(#attempts, 3)
  if last and last.outcome == "uncertain" then
    return { action = "wait", at = input.now + HOUR_US, level = level, reason = "outcome_unknown" }
  elseif overdue >= (policy.close_days or CLOSE_DAYS) then
    return { action = "give_up", level = 3, notice = "written_off", reason = "too_old" }
  end
  local class = last and class_of(last)
  if not input.has_method or class == "hard" then
    return ask_for("new_method_needed", input, policy, overdue, class, level)
  elseif class == "authentication" then
    return ask_for("action_needed", input, policy, overdue, class, level)
  elseif class == "ours" then
    return { action = "wait", at = input.now + HOUR_US, class = class, level = level, reason = "our_fault" }
  elseif class == "network" and run_of(attempts, class, class_of) <= NETWORK_TRIES then
    return { action = "retry", at = last.at + HOUR_US, class = class, level = level, reason = "no_answer" }
  end
  return later(input, policy, overdue, class, level, class_of, calendar)
end

return dunning
