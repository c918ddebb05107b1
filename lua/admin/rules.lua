--- Approvals: which state comes next.
--
-- A flow is data: where a step leads, and what it asks for first. Every flow begins at "proposed" and ends at approved,
-- refused, cancelled or expired; from there nothing moves.

local WEEK_S <const> = 7 * 86400

-- own: what becomes of an approval by the author while somebody else could give it. "stay": it waits for the other one;
-- "refused": whoever asks is told, and nothing waits.
-- limit: amounts up to data.limit are approved at once when submitted.
local FLOWS <const> = {
  ["rules.activate"] = { own = "refused" },
  refund = { own = "stay", limit = true },
  credit_limit = { own = "stay", limit = true },
  wallet_correction = { own = "stay", limit = true },
  company_suspend = { own = "stay" },
}

local FINAL <const> = { approved = true, refused = true, cancelled = true, expired = true }

local function to(state, reason)
  return { state = state, done = FINAL[state] == true, reason = reason }
end

local STEPS <const> = {}

--- Proposed: needs nobody when it is small, else a second person.
function STEPS.submit(flow, _, data, cap)
  if flow.limit and data.amount and data.limit and cap.decimal.cmp(data.amount, data.limit) <= 0 then
    return to("approved", "below_limit")
  end
  return to("proposed", "second_person")
end

--- The author may approve only when there is nobody else, and not with an old session.
function STEPS.approve(flow, event)
  if event.actor == nil or event.author == nil then
    error("an approval names its actor and its author")
  elseif event.actor ~= event.author then
    return to("approved")
  elseif not event.alone then
    return to(flow.own == "refused" and "refused" or "proposed", "reviewer_is_author")
  elseif event.reauthenticated == false then
    return to("proposed", "reauthenticate")
  end
  return to("approved", "author_is_alone")
end

function STEPS.reject()
  return to("refused", "rejected")
end

function STEPS.cancel(_, event)
  if event.actor == nil or event.actor ~= event.author then
    return to("proposed", "not_author")
  end
  return to("cancelled")
end

function STEPS.tick()
  return to("proposed")
end

local function is_expired(event, data)
  local expires_us = (data.expires_s or WEEK_S) * 1000000
  return event.at ~= nil and data.proposed_at ~= nil and event.at >= data.proposed_at + expires_us
end

local function decide(input, cap)
  local flow, event, data = FLOWS[input.flow], input.event, input.data or {}
  if flow == nil then
    error("there is no flow " .. input.flow)
  elseif FINAL[input.state] then
    return to(input.state, "over")
  elseif input.state ~= "proposed" then
    error("the flow " .. input.flow .. " has no state " .. input.state)
  elseif is_expired(event, data) then
    return to("expired", "expired")
  end
  return STEPS[event.type](flow, event, data, cap)
end

local NOW <const> = 1784109600000000
local DAY_US <const> = 86400000000

local function approve(flow, actor, more)
  local event = { type = "approve", actor = actor, author = "key_author" }
  for name, value in pairs(more or {}) do
    event[name] = value
  end
  return { flow = flow, state = "proposed", event = event }
end

local function refund(amount, event)
  return { flow = "refund", state = "proposed", event = event, data = { amount = amount, limit = "100.00" } }
end

return {
  hook = "admin.step",
  api = 1,
  needs = { "decimal" },
  decide = decide,
  cases = {
    {
      name = "rules go live when somebody else approves them",
      input = approve("rules.activate", "key_reviewer", { alone = false }),
      want = { state = "approved", done = true },
    },
    {
      name = "the author of rules does not activate them",
      input = approve("rules.activate", "key_author", { alone = false }),
      want = { state = "refused", done = true, reason = "reviewer_is_author" },
    },
    {
      name = "a lone admin does, and it is recorded",
      input = approve("rules.activate", "key_author", { alone = true }),
      want = { state = "approved", reason = "author_is_alone" },
    },
    {
      name = "a lone admin with an old session gives the second factor first",
      input = approve("rules.activate", "key_author", { alone = true, reauthenticated = false }),
      want = { state = "proposed", done = false, reason = "reauthenticate" },
    },
    {
      name = "an approval of nobody is a mistake, not an approval",
      input = { flow = "rules.activate", state = "proposed", event = { type = "approve", author = "key_author" } },
      error = "names its actor",
    },
    {
      name = "a small refund needs nobody",
      input = refund("100", { type = "submit", actor = "usr_a" }),
      want = { state = "approved", done = true, reason = "below_limit" },
    },
    {
      name = "a cent more needs a second person",
      input = refund("100.01", { type = "submit", actor = "usr_a" }),
      want = { state = "proposed", done = false, reason = "second_person" },
    },
    {
      name = "who asked for the refund does not approve it; it goes on waiting",
      input = refund("500", { type = "approve", actor = "usr_a", author = "usr_a" }),
      want = { state = "proposed", reason = "reviewer_is_author" },
    },
    {
      name = "the second person approves",
      input = refund("500", { type = "approve", actor = "usr_b", author = "usr_a" }),
      want = { state = "approved", done = true },
    },
    {
      name = "or rejects",
      input = refund("500", { type = "reject", actor = "usr_b", author = "usr_a" }),
      want = { state = "refused", reason = "rejected" },
    },
    {
      name = "only the author takes a proposal back",
      input = refund("500", { type = "cancel", actor = "usr_b", author = "usr_a" }),
      want = { state = "proposed", reason = "not_author" },
    },
    {
      name = "and then it is cancelled",
      input = refund("500", { type = "cancel", actor = "usr_a", author = "usr_a" }),
      want = { state = "cancelled", done = true },
    },
    {
      name = "what is decided stays decided",
      input = { flow = "refund", state = "refused", event = { type = "approve", actor = "usr_b", author = "usr_a" } },
      want = { state = "refused", done = true, reason = "over" },
    },
    {
      name = "after a week it has expired, also for the one who comes to approve it",
      input = {
        flow = "credit_limit", state = "proposed", data = { proposed_at = NOW },
        event = { type = "approve", actor = "usr_b", author = "usr_a", at = NOW + 7 * DAY_US },
      },
      want = { state = "expired", done = true },
    },
    {
      name = "a second earlier it waits",
      input = {
        flow = "credit_limit", state = "proposed", data = { proposed_at = NOW },
        event = { type = "tick", at = NOW + 7 * DAY_US - 1000000 },
      },
      want = { state = "proposed", done = false },
    },
    {
      name = "a raised limit without an amount needs a second person",
      input = { flow = "credit_limit", state = "proposed", event = { type = "submit", actor = "usr_a" } },
      want = { state = "proposed", reason = "second_person" },
    },
    {
      name = "who asks to suspend a company waits for somebody else",
      input = approve("company_suspend", "key_author", { alone = false }),
      want = { state = "proposed", done = false, reason = "reviewer_is_author" },
    },
    {
      name = "or gives the password again, when nobody else could approve",
      input = approve("company_suspend", "key_author", { alone = true, reauthenticated = true }),
      want = { state = "approved", done = true, reason = "author_is_alone" },
    },
    {
      name = "a flow that nobody wrote is a mistake",
      input = { flow = "launch", state = "proposed", event = { type = "submit" } },
      error = "there is no flow launch",
    },
  },
}
