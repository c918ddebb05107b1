--- What stands on an invoice besides usage, and what happens until it is paid. Documents count in the minor unit of
-- their currency: every amount that is answered here has no more places than that.

--- For the cases: `made` with what `changes` names.
local function with(made, changes)
  for name, value in pairs(changes or {}) do
    made[name] = value
  end
  return made
end

-- --- billing.prorate -------------------------------------------------------------------------------------------------

local function prorate(input, cap)
  local lib, decimal = cap.lib.prorate, cap.decimal
  local period, lines, total = input.period, {}, decimal.new(0)
  if input.by == "none" or input.at >= period.to then
    return { lines = lines, total = total }
  end
  local places = cap.money.exponent(input.currency)
  local part, whole = lib.part(period, input.at, input.by or "second", input.timezone or "UTC", cap.calendar)
  for _, item in ipairs({ { "credit", input.old }, { "charge", input.new } }) do
    local kind, what = item[1], item[2]
    if what then
      local line = lib.line(kind, what, period, input.at, part, whole, places, decimal)
      lines[#lines + 1] = line
      total = total + line.amount
    end
  end
  return { lines = lines, total = total }
end

--- 2026-07-01T00:00:00Z to 2026-08-01, 31 days; the change is on the 16th at noon.
local JULY <const> = { from = 1782864000000000, to = 1785542400000000 }
local SIXTEENTH <const> = 1784203200000000

local function change(changes)
  return with({
    currency = "USD", period = JULY, at = SIXTEENTH, old = { price = "31", quantity = 1 },
    new = { price = "62", quantity = 1 },
  }, changes)
end

local prorate_cases = {
  {
    name = "half of the month of the old price back, half of the new one on top",
    input = change({}),
    want = {
      total = "15.5",
      lines = {
        { kind = "credit", amount = "-15.5", part = 1339200, whole = 2678400, from = SIXTEENTH, to = JULY.to },
        { kind = "charge", amount = "31" },
      },
    },
  },
  {
    name = "by days the day of the change is new",
    input = change({ by = "day" }),
    want = { total = "16", lines = { { amount = "-16", part = 16, whole = 31 }, { amount = "32" } } },
  },
  {
    name = "three more seats",
    input = change({ old = { price = "10", quantity = 5 }, new = { price = "10", quantity = 8 }, by = "day" }),
    want = { total = "15.48", lines = { { amount = "-25.81", quantity = 5 }, { amount = "41.29", quantity = 8 } } },
  },
  {
    name = "a change of the first instant is the whole price",
    input = change({ at = JULY.from }), want = { total = "31", lines = { { amount = "-31" }, { amount = "62" } } },
  },
  {
    name = "one at the end is of the next period",
    input = change({ at = JULY.to }), want = { total = "0", lines = {} },
  },
  {
    name = "who begins in the middle pays for the rest",
    input = { currency = "JPY", period = JULY, at = SIXTEENTH, new = { price = "1001", quantity = 1 } },
    want = { total = "501", lines = { { kind = "charge", amount = "501" } } },
  },
  {
    name = "who leaves gets it back",
    input = { currency = "KWD", period = JULY, at = SIXTEENTH, old = { price = "10.001", quantity = 1 } },
    want = { total = "-5.001", lines = { { kind = "credit", amount = "-5.001" } } },
  },
  {
    name = "a plan may say that nothing is prorated",
    input = change({ by = "none" }), want = { total = "0", lines = {} },
  },
}

-- --- billing.tax -----------------------------------------------------------------------------------------------------

local function tax(input, cap)
  local lib, places = cap.lib.tax, cap.money.exponent(input.currency)
  local lines, groups = lib.group(input, cap.decimal)
  local taxes, net, all = lib.sums(groups, input.inclusive == true, places, cap.decimal)
  local treatment = lib.treatment(input.seller, input.customer)
  local note
  if treatment == "reverse_charge" then
    note = "Reverse charge: the customer accounts for the tax (" .. input.customer.tax_id .. ")."
  elseif treatment == "exempt" then
    note = input.customer.exempt_reason or "The customer is exempt from tax."
  end
  return { lines = lines, taxes = taxes, net = net, tax = all, total = net + all, note = note }
end

local rates = {
  { country = "DE", name = "VAT", percent = "19" },
  { country = "DE", category = "reduced", name = "VAT", percent = "7" },
  { country = "FR", name = "TVA", percent = "20" },
  { country = "CH", name = "MWST", percent = "8.1" },
}
local german, french = { country = "DE", tax_id = "DE123", union = "EU" }, { country = "FR", union = "EU" }
local french_company = { country = "FR", union = "EU", tax_id = "FR456", tax_id_valid = true }

local function sell(customer, amounts, changes)
  local lines = {}
  for i, amount in ipairs(amounts) do
    lines[i] = { id = "l" .. i, amount = amount }
  end
  return with({ currency = "EUR", seller = german, customer = customer, lines = lines, rates = rates }, changes)
end

local tax_cases = {
  {
    name = "at home the standard rate",
    input = sell({ country = "DE" }, { "100.00", "50.00" }),
    want = {
      net = "150", tax = "28.5", total = "178.5",
      taxes = { { name = "VAT", percent = "19", net = "150", tax = "28.5", treatment = "taxed" } },
    },
  },
  {
    name = "a hundred small lines are rounded once",
    input = sell({ country = "DE" }, { "0.03", "0.03", "0.03", "0.03", "0.03" }),
    want = { net = "0.15", tax = "0.03", total = "0.18" },
  },
  {
    name = "a category has its own rate",
    input = {
      currency = "EUR", seller = german, customer = { country = "DE" }, rates = rates,
      lines = { { id = "a", amount = "100" }, { id = "b", amount = "100", category = "reduced" } },
    },
    want = {
      tax = "26", total = "226", taxes = { { percent = "19", tax = "19" }, { percent = "7", tax = "7" } },
      lines = { { id = "a", percent = "19" }, { id = "b", percent = "7" } },
    },
  },
  {
    name = "a consumer of the union pays the rate of the own country",
    input = sell(french, { "100" }), want = { tax = "20", taxes = { { name = "TVA", percent = "20" } } },
  },
  {
    name = "a business of the union accounts for it itself",
    input = sell(french_company, { "100" }),
    want = {
      tax = "0", total = "100", lines = { { treatment = "reverse_charge", percent = "0" } },
      note = "Reverse charge: the customer accounts for the tax (FR456).",
    },
  },
  {
    name = "a tax number that nobody has checked is none",
    input = sell({ country = "FR", union = "EU", tax_id = "FR456" }, { "100" }), want = { tax = "20" },
  },
  {
    name = "a business at home is taxed",
    input = sell({ country = "DE", union = "EU", tax_id = "DE999", tax_id_valid = true }, { "100" }),
    want = { tax = "19" },
  },
  {
    name = "outside of the union there is none",
    input = sell({ country = "US" }, { "100" }), want = { tax = "0", lines = { { treatment = "outside" } } },
  },
  {
    name = "who is exempt is, and the invoice says why",
    input = sell({ country = "DE", exempt = true, exempt_reason = "§ 4 UStG" }, { "100" }),
    want = { tax = "0", note = "§ 4 UStG", lines = { { treatment = "exempt" } } },
  },
  {
    name = "amounts with the tax in them keep their sum",
    input = sell({ country = "DE" }, { "119.00", "0.99" }, { inclusive = true }),
    want = { net = "100.83", tax = "19.16", total = "119.99" },
  },
  {
    name = "a rate with a fraction, in a currency without one",
    input = sell({ country = "CH" }, { "1999" }, { currency = "JPY", seller = { country = "CH" } }),
    want = { net = "1999", tax = "162", total = "2161" },
  },
  {
    name = "a credit line takes its tax back",
    input = sell({ country = "DE" }, { "100", "-40" }), want = { net = "60", tax = "11.4" },
  },
  {
    name = "a missing rate is not zero",
    input = sell({ country = "IT", union = "EU" }, { "100" }), error = "there is no rate of IT, category standard",
  },
}

-- --- billing.apply_credits -------------------------------------------------------------------------------------------

local function apply_credits(input, cap)
  local lib, decimal = cap.lib.credits, cap.decimal
  local total = decimal.max(input.total, 0)
  local usable = lib.usable(input.credits, input.currency, input.at, decimal)
  local applied, due = lib.take(usable, total, decimal)
  return { applied = applied, credited = total - due, due = due }
end

local function credit(id, remaining, kind, more)
  return with({ id = id, remaining = remaining, currency = "USD", kind = kind or "prepaid" }, more)
end

local function bill(total, list)
  return { currency = "USD", at = SIXTEENTH, total = total, credits = list }
end

local credit_cases = {
  { name = "without credits all is due", input = bill("10", {}), want = { applied = {}, credited = "0", due = "10" } },
  {
    name = "what was given away goes first, what was paid for last",
    input = bill("10", { credit("paid", "8"), credit("note", "3", "credit_note"), credit("gift", "5", "promotional") }),
    want = {
      due = "0", credited = "10",
      applied = { { id = "gift", amount = "5" }, { id = "note", amount = "3" }, { id = "paid", amount = "2" } },
    },
  },
  {
    name = "a priority comes before the kind",
    input = bill("4", { credit("gift", "5", "promotional"), credit("paid", "8", "prepaid", { priority = -1 }) }),
    want = { applied = { { id = "paid", amount = "4" } } },
  },
  {
    name = "of two that are alike the one that expires sooner",
    input = bill("4", {
      credit("never", "5"), credit("late", "5", "prepaid", { expires = SIXTEENTH + 2000000 }),
      credit("soon", "1", "prepaid", { expires = SIXTEENTH + 1000000 }),
    }),
    want = { applied = { { id = "soon", amount = "1" }, { id = "late", amount = "3" } } },
  },
  {
    name = "an expired one, an empty one and one in another currency pay nothing",
    input = bill("4", {
      credit("expired", "5", "prepaid", { expires = SIXTEENTH }), credit("empty", "0"),
      credit("euro", "5", "prepaid", { currency = "EUR" }),
    }),
    want = { applied = {}, due = "4" },
  },
  {
    name = "never more than the invoice",
    input = bill("4", { credit("paid", "100") }),
    want = { applied = { { id = "paid", amount = "4" } }, due = "0" },
  },
  {
    name = "an invoice that owes the customer takes no credit",
    input = bill("-4", { credit("paid", "100") }), want = { applied = {}, credited = "0", due = "0" },
  },
}

-- --- billing.before_finalize -----------------------------------------------------------------------------------------

--- How much above the mean of the last three an invoice may be: exactly, without dividing.
local function is_spike(total, previous, percent, decimal)
  if #previous < 3 then
    return false
  end
  local sum = decimal.new(0)
  for i = 1, 3 do
    sum = sum + decimal.new(previous[i])
  end
  return decimal.mul(total, 300, 12, "half_up") > decimal.mul(sum, 100 + percent, 12, "half_up")
end

--- What cannot be right holds the invoice; what is merely odd holds it until somebody has looked.
local function before_finalize(input, cap)
  local decimal, invoice, policy = cap.decimal, input.invoice, input.policy or {}
  local total, zero, reasons = decimal.new(invoice.total), decimal.new(0), {}
  local function odd(is_so, why)
    if is_so and not invoice.approved then
      reasons[#reasons + 1] = why
    end
  end
  if total < zero then
    reasons[1] = "negative_total"
  end
  odd(input.usage.failed > 0, "usage_failed")
  odd(input.usage.unrated > 0, "usage_unrated")
  odd(is_spike(total, input.customer.previous_totals or {}, policy.spike_percent or 300, decimal), "spike")
  local adjustments = {}
  if #reasons > 0 then
    return { decision = "hold", reasons = reasons, adjustments = adjustments, total = total }
  elseif policy.smallest and total > zero and decimal.cmp(total, policy.smallest) < 0 then
    adjustments[1] = { kind = "carried", description = "Carried to the next invoice", amount = -total }
    return { decision = "adjust", reasons = reasons, adjustments = adjustments, total = zero }
  end
  return { decision = "ok", reasons = reasons, adjustments = adjustments, total = total }
end

local function finalize(total, changes, approved)
  return with({
    invoice = { id = "inv_1", currency = "USD", total = total, lines = 3, approved = approved },
    usage = { failed = 0, unrated = 0 }, customer = { previous_totals = { "100", "110", "90" } },
  }, changes)
end

local finalize_cases = {
  { name = "as every month", input = finalize("105"), want = { decision = "ok", total = "105", reasons = {} } },
  {
    name = "usage that waits for review holds it",
    input = finalize("105", { usage = { failed = 2, unrated = 1 } }),
    want = { decision = "hold", reasons = { "usage_failed", "usage_unrated" } },
  },
  { name = "four times the mean is not yet a spike", input = finalize("400"), want = { decision = "ok" } },
  {
    name = "a cent more is",
    input = finalize("400.01"), want = { decision = "hold", reasons = { "spike" }, total = "400.01" },
  },
  {
    name = "two invoices are no history",
    input = finalize("5000", { customer = { previous_totals = { "1", "1" } } }), want = { decision = "ok" },
  },
  {
    name = "a person has looked at it",
    input = finalize("5000", nil, true), want = { decision = "ok" },
  },
  {
    name = "less than nothing is a credit note, whoever approves it",
    input = finalize("-1", nil, true), want = { decision = "hold", reasons = { "negative_total" } },
  },
  {
    name = "cents are carried to the next invoice",
    input = finalize("0.49", { policy = { smallest = "0.50" } }),
    want = { decision = "adjust", total = "0", adjustments = { { kind = "carried", amount = "-0.49" } } },
  },
  {
    name = "the smallest amount itself is not",
    input = finalize("0.50", { policy = { smallest = "0.50" } }), want = { decision = "ok", total = "0.5" },
  },
}

-- --- billing.dunning -------------------------------------------------------------------------------------------------

local function dunning(input, cap)
  return cap.lib.dunning.step(input, cap.lib.declines.class, cap.calendar)
end

--- Due on 2026-07-01 at 10:00 in UTC.
local DUE <const> = JULY.from + 36000000000
local DAY_US <const> = 86400000000

local function owe(days, attempts, changes)
  return with({
    now = DUE + days * DAY_US, invoice = { id = "inv_1", currency = "USD", due = "10", due_at = DUE },
    has_method = true, attempts = attempts,
  }, changes)
end

local function failed(day, code, more)
  return with({ at = DUE + day * DAY_US, outcome = "failed", code = code }, more)
end

local dunning_cases = {
  {
    name = "nothing was tried: at once",
    input = owe(0, {}), want = { action = "retry", at = DUE, level = 0, reason = "first_attempt" },
  },
  {
    name = "no money today: again tomorrow",
    input = owe(0, { failed(0, "insufficient_funds") }),
    want = { action = "retry", at = DUE + DAY_US, class = "soft", level = 1, notice = "payment_failed" },
  },
  {
    name = "then on the third day, in another tone",
    input = owe(1, { failed(0, "insufficient_funds"), failed(1, "do_not_honor") }),
    want = { action = "retry", at = DUE + 3 * DAY_US, level = 2 },
  },
  {
    name = "a day lies between two attempts, though somebody tried by hand",
    input = owe(3, { failed(0, "insufficient_funds"), failed(2, "do_not_honor", { at = DUE + 3 * DAY_US - 1 }) }),
    want = { action = "retry", at = DUE + 4 * DAY_US - 1 },
  },
  {
    name = "a retry that nobody made on its day is still due",
    input = owe(6, { failed(0, "insufficient_funds") }), want = { action = "retry", at = DUE + 6 * DAY_US },
  },
  {
    name = "nobody is charged at night: 10:00 in UTC is 03:00 in Los Angeles",
    input = owe(0, { failed(0, "insufficient_funds") }, { timezone = "America/Los_Angeles" }),
    want = { action = "retry", at = DUE + DAY_US + 5 * 3600000000 },
  },
  {
    name = "the schedule is over: the last warning, until the account is suspended",
    input = owe(14, { failed(0), failed(1), failed(3), failed(7), failed(14) }),
    want = { action = "wait", at = DUE + 16 * DAY_US, notice = "last_warning" },
  },
  {
    name = "then it is",
    input = owe(16, { failed(0), failed(1), failed(3), failed(7), failed(14) }),
    want = { action = "suspend", notice = "suspended", level = 3 },
  },
  {
    name = "a stolen card is not tried again",
    input = owe(1, { failed(0, "stolen_card") }),
    want = { action = "ask_customer", class = "hard", notice = "new_method_needed" },
  },
  {
    name = "nor one of which the bank says so",
    input = owe(1, { failed(0, "generic_decline", { advice = "do_not_try_again" }) }),
    want = { action = "ask_customer", class = "hard" },
  },
  {
    name = "the bank wants to see the customer",
    input = owe(1, { failed(0, "authentication_required") }),
    want = { action = "ask_customer", class = "authentication", notice = "action_needed" },
  },
  {
    name = "who does not come is suspended too",
    input = owe(16, { failed(0, "authentication_required") }), want = { action = "suspend", reason = "action_needed" },
  },
  {
    name = "no payment method, nothing to try",
    input = owe(0, {}, { has_method = false }), want = { action = "ask_customer", notice = "new_method_needed" },
  },
  {
    name = "no answer: the same once more in an hour, without a word to the customer",
    input = owe(0, { failed(0, nil, { class = "network" }) }),
    want = { action = "retry", at = DUE + 3600000000, reason = "no_answer" },
  },
  {
    name = "the fourth time it is like any failure",
    input = owe(0, {
      failed(0, "api_error"), failed(0, "api_error"), failed(0, "rate_limit"), failed(0, "lock_timeout"),
    }),
    want = { action = "retry", at = DUE + DAY_US, reason = "schedule" },
  },
  {
    name = "our own fault is not the customer's: nobody is suspended for it",
    input = owe(20, { failed(19, "resource_missing") }), want = { action = "wait", class = "ours" },
  },
  {
    name = "an outcome that nobody knows is found out, not tried again",
    input = owe(1, { { at = DUE, outcome = "uncertain" } }),
    want = { action = "wait", at = DUE + DAY_US + 3600000000, reason = "outcome_unknown" },
  },
  {
    name = "after 45 days it is written off",
    input = owe(45, { failed(14, "insufficient_funds") }), want = { action = "give_up", notice = "written_off" },
  },
  {
    name = "a company has its own schedule",
    input = owe(2, { failed(0, "insufficient_funds") }, { policy = { retry_days = { 10 }, suspend_days = 12 } }),
    want = { action = "retry", at = DUE + 10 * DAY_US },
  },
}

return {
  {
    hook = "billing.prorate", api = 1, needs = { "calendar", "decimal", "money", "lib.prorate" }, decide = prorate,
    cases = prorate_cases,
  },
  { hook = "billing.tax", api = 1, needs = { "decimal", "money", "lib.tax" }, decide = tax, cases = tax_cases },
  {
    hook = "billing.apply_credits", api = 1, needs = { "decimal", "lib.credits" }, decide = apply_credits,
    cases = credit_cases,
  },
  {
    hook = "billing.before_finalize", api = 1, needs = { "decimal" }, decide = before_finalize,
    cases = finalize_cases,
  },
  {
    hook = "billing.dunning", api = 1, needs = { "calendar", "lib.declines", "lib.dunning" }, decide = dunning,
    cases = dunning_cases,
  },
}
