--- Which provider takes a payment, and whether it looks like fraud.

local function contains(list, value)
  for _, entry in ipairs(list) do
    if entry == value then
      return true
    end
  end
  return false
end

--- Why this provider cannot take the payment, or nil.
local function refusal(provider, input, cap)
  if contains(input.tried or {}, provider.name) then
    return "it refused this payment"
  elseif not provider.healthy then
    return "it does not answer"
  elseif not contains(provider.currencies, input.currency) then
    return "it takes no " .. input.currency
  elseif input.country and provider.countries and not contains(provider.countries, input.country) then
    return "it does not work in " .. input.country
  elseif input.method and not contains(provider.methods, input.method) then
    return "it has no " .. input.method
  elseif provider.smallest and cap.decimal.cmp(input.amount, provider.smallest) < 0 then
    return "the amount is too small for it"
  end
  return nil
end

--- What the provider keeps of the payment: percent, then the fixed part.
local function fee(provider, amount, decimal)
  local part = decimal.muldiv(decimal.new(provider.fee_percent or 0), 1, 100, 12, "half_even")
  return decimal.mul(part, amount, 6, "half_even") + decimal.new(provider.fee_fixed or 0)
end

-- Payments of 10,000: a provider that loses so many more than another is worse whatever it costs.
local SUCCESS_STEP_BP <const> = 200

--- Whether `a` is better than `b`: by success first, in steps, since the last percent is noise; then by fee.
local function is_better(a, b)
  if a.success ~= b.success then
    return a.success > b.success
  end
  return a.fee < b.fee
end

--- The customer's payment method lives at one provider: no other can charge it.
local function route(input, cap)
  local refused, best = {}, nil
  for _, provider in ipairs(input.providers) do
    local why = refusal(provider, input, cap)
    if why == nil and input.pinned and provider.name ~= input.pinned then
      why = "it does not hold the payment method"
    end
    if why then
      refused[#refused + 1] = { provider = provider.name, reason = why }
    else
      local candidate = {
        name = provider.name, success = (provider.success_bp or 10000) // SUCCESS_STEP_BP,
        fee = fee(provider, input.amount, cap.decimal),
      }
      if best == nil or is_better(candidate, best) then
        best = candidate
      end
    end
  end
  if best == nil then
    return { reason = "no provider takes it", refused = refused }
  end
  return { provider = best.name, reason = input.pinned and "it holds the payment method" or "best", refused = refused }
end

local stripe = {
  name = "stripe", currencies = { "USD", "EUR", "KWD", "JPY" }, methods = { "card", "sepa_debit" }, healthy = true,
  success_bp = 9420, fee_percent = "2.9", fee_fixed = "0.30", smallest = "0.50",
}
local paypal = {
  name = "paypal", currencies = { "USD", "EUR", "JPY" }, methods = { "card", "paypal" }, healthy = true,
  success_bp = 9150, fee_percent = "3.49", fee_fixed = "0.49",
}

--- Like `base`, with what `changes` names.
local function with(base, changes)
  local made = {}
  for name, value in pairs(base) do
    made[name] = value
  end
  for name, value in pairs(changes or {}) do
    made[name] = value
  end
  return made
end

local function pay(changes)
  return with({ currency = "USD", amount = "100", country = "US", providers = { paypal, stripe } }, changes)
end

local route_cases = {
  { name = "the one that succeeds more often", input = pay(), want = { provider = "stripe" } },
  {
    name = "of two that are as good the cheaper one",
    input = pay({ providers = { paypal, with(stripe, { success_bp = 9190 }) } }), want = { provider = "stripe" },
  },
  {
    name = "a percent less is noise, three are not",
    input = pay({ providers = { paypal, with(stripe, { success_bp = 8800 }) } }), want = { provider = "paypal" },
  },
  {
    name = "of two that are alike the first of the list",
    input = pay({ providers = { with(stripe, { name = "one" }), with(stripe, { name = "two" }) } }),
    want = { provider = "one" },
  },
  {
    name = "a currency that only one takes",
    input = pay({ currency = "KWD" }),
    want = { provider = "stripe", refused = { { provider = "paypal", reason = "it takes no KWD" } } },
  },
  {
    name = "a currency that none takes is refused, not tried",
    input = pay({ currency = "HUF" }),
    want = { reason = "no provider takes it", refused = { {}, {} } },
  },
  { name = "the method decides", input = pay({ method = "paypal" }), want = { provider = "paypal" } },
  {
    name = "one that does not answer is passed over",
    input = pay({ providers = { with(stripe, { healthy = false }), paypal } }), want = { provider = "paypal" },
  },
  {
    name = "one that refused is not asked again",
    input = pay({ tried = { "stripe" } }), want = { provider = "paypal" },
  },
  {
    name = "a stored card is where it is, though the other is better",
    input = pay({ pinned = "paypal" }),
    want = { provider = "paypal", reason = "it holds the payment method" },
  },
  {
    name = "a stored card whose provider is down is charged nowhere",
    input = pay({ pinned = "stripe", providers = { with(stripe, { healthy = false }), paypal } }),
    want = { reason = "no provider takes it" },
  },
  {
    name = "a country in which one does not work",
    input = pay({ country = "JP", providers = { with(stripe, { countries = { "US", "DE" } }), paypal } }),
    want = { provider = "paypal" },
  },
  {
    name = "an amount below the smallest",
    input = pay({ amount = "0.49", method = "sepa_debit" }), want = { reason = "no provider takes it" },
  },
  {
    name = "no providers at all",
    input = { currency = "USD", amount = "1", providers = {} }, want = { reason = "no provider takes it" },
  },
}

-- --- risk ------------------------------------------------------------------------------------------------------------

local REVIEW_AT <const>, DENY_AT <const> = 40, 75

local function twice(amount, cap)
  return cap.decimal.mul(amount, 2, 12, "half_even")
end

--- A company that is new, or has never paid so much.
local function weigh_history(input, add, cap)
  local company = input.company
  if company.disputes > 0 then
    add(math.min(company.disputes * 20, 60), "disputes")
  end
  if company.paid_payments == 0 then
    add(15, "first_payment")
  elseif company.largest_paid and cap.decimal.cmp(input.amount, twice(company.largest_paid, cap)) > 0 then
    add(10, "unusual_amount")
  end
  if company.age_days < 1 then
    add(10, "new_company")
  end
end

--- Cards tried one after the other, and countries that do not fit.
local function weigh_signals(signals, add)
  if signals.declines_last_hour >= 3 then
    add(math.min(signals.declines_last_hour * 10, 60), "declines")
  end
  if signals.attempts_last_hour >= 10 then
    add(30, "velocity")
  end
  if signals.cards_last_day >= 4 then
    add(30, "many_cards")
  end
  local card = signals.card_country
  if card and signals.billing_country and card ~= signals.billing_country then
    add(15, "card_country")
  end
  if card and signals.ip_country and card ~= signals.ip_country then
    add(15, "ip_country")
  end
  if (signals.provider_score or 0) >= 65 then
    add(signals.provider_score // 2, "provider_score")
  end
end

local function risk(input, cap)
  local sum, reasons = { score = 0 }, {}
  local function add(points, why)
    sum.score = math.min(sum.score + points, 100)
    reasons[#reasons + 1] = why
  end
  if input.signals.listed then
    return { decision = "deny", score = 100, reasons = { "listed" } }
  end
  weigh_history(input, add, cap)
  weigh_signals(input.signals, add)
  local decision = sum.score >= DENY_AT and "deny" or sum.score >= REVIEW_AT and "review" or "allow"
  if decision == "deny" and input.kind == "invoice" then
    decision = "review" -- what is owed is not refused unseen
  end
  return { decision = decision, score = sum.score, reasons = reasons }
end

local known = { age_days = 400, paid_payments = 12, largest_paid = "200", disputes = 0 }
local quiet = { attempts_last_hour = 1, declines_last_hour = 0, cards_last_day = 1 }

local tries_cards = { attempts_last_hour = 12, declines_last_hour = 9, cards_last_day = 7 }

local function charge(changes)
  return with({ currency = "USD", amount = "100", kind = "topup", company = known, signals = quiet }, changes)
end

local risk_cases = {
  { name = "a customer of long standing", input = charge(), want = { decision = "allow", score = 0 } },
  {
    name = "a first payment alone is no crime",
    input = charge({ company = { age_days = 0, paid_payments = 0, disputes = 0 } }),
    want = { decision = "allow", score = 25, reasons = { "first_payment", "new_company" } },
  },
  {
    name = "a first payment with a card of another country is looked at",
    input = charge({
      company = { age_days = 0, paid_payments = 0, disputes = 0 },
      signals = with(quiet, { card_country = "NG", billing_country = "DE", ip_country = "NG" }),
    }),
    want = { decision = "review", score = 40 },
  },
  {
    name = "twice the largest so far is not unusual, a cent more is",
    input = charge({ amount = "400.01" }),
    want = { decision = "allow", score = 10, reasons = { "unusual_amount" } },
  },
  {
    name = "somebody tries cards",
    input = charge({ signals = tries_cards }),
    want = { decision = "deny", score = 100, reasons = { "declines", "velocity", "many_cards" } },
  },
  {
    name = "two declines are bad luck",
    input = charge({ signals = with(quiet, { declines_last_hour = 2 }) }), want = { decision = "allow", score = 0 },
  },
  {
    name = "two disputes in a year are looked at",
    input = charge({ company = with(known, { disputes = 2 }) }),
    want = { decision = "review", reasons = { "disputes" } },
  },
  {
    name = "an invoice is never refused unseen",
    input = charge({ kind = "invoice", signals = tries_cards }),
    want = { decision = "review", score = 100 },
  },
  {
    name = "the block list ends it, also for an invoice",
    input = charge({ kind = "invoice", signals = with(quiet, { listed = true }) }),
    want = { decision = "deny", reasons = { "listed" } },
  },
  {
    name = "the provider's own score counts from 65",
    input = charge({ signals = with(quiet, { provider_score = 80 }) }), want = { decision = "review", score = 40 },
  },
  {
    name = "64 does not",
    input = charge({ signals = with(quiet, { provider_score = 64 }) }), want = { decision = "allow", score = 0 },
  },
}

return {
  { hook = "payments.route", api = 1, needs = { "decimal" }, decide = route, cases = route_cases },
  { hook = "payments.risk", api = 1, needs = { "decimal" }, decide = risk, cases = risk_cases },
}
