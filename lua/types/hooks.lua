---@meta
--- Made from core/hooks.lua by scripts/hooks.lua: what rules are given and answer, for editors; never run.

---@class admin.step.Input
---@field data? admin.step.Input.data  what the flow is about
---@field event admin.step.Input.event
---@field flow string  rules.activate, company_suspend, refund, credit_limit, wallet_correction
---@field state string  "proposed" is the first of each flow

---@class admin.step.Input.data  what the flow is about
---@field amount? tg.Decimal|string
---@field expires_s? integer  absent: 7 days
---@field limit? tg.Decimal|string  up to it nobody needs to approve
---@field proposed_at? integer
---@field [string] any

---@class admin.step.Input.event
---@field actor? string  who does it; absent in a tick
---@field alone? boolean  there is nobody else who could approve
---@field at? integer
---@field author? string  who proposed it
---@field reauthenticated? boolean  the actor has just given a second factor
---@field type "submit"|"approve"|"reject"|"cancel"|"tick"
---@field [string] any

---@class admin.step.Result
---@field done boolean  nothing moves it any more
---@field reason? "below_limit"|"reviewer_is_author"|"author_is_alone"|"reauthenticate"|"second_person"|"rejected"|"not_author"|"expired"|"over"
---@field state "proposed"|"approved"|"refused"|"cancelled"|"expired"

---@class alerts.evaluate.Input
---@field alert alerts.evaluate.Input.alert
---@field at integer
---@field state? alerts.evaluate.Input.state  what the last evaluation answered; absent: the first
---@field value tg.Decimal|string

---@class alerts.evaluate.Input.alert
---@field clear? tg.Decimal|string  where it ends; absent: at the threshold
---@field direction "above"|"below"
---@field id string
---@field samples? integer  so many in a row before it fires; absent: 1
---@field threshold tg.Decimal|string
---@field [string] any

---@class alerts.evaluate.Input.state  what the last evaluation answered; absent: the first
---@field firing boolean
---@field run? integer  samples beyond the threshold in a row
---@field since? integer

---@class alerts.evaluate.Result
---@field event? "fired"|"cleared"  what people are told; absent: nothing new
---@field state alerts.evaluate.Result.state

---@class alerts.evaluate.Result.state
---@field firing boolean
---@field run integer
---@field since? integer

---@class billing.apply_credits.Input
---@field at integer
---@field credits billing.apply_credits.Input.credits[]
---@field currency string  ISO 4217, "USD"
---@field total tg.Decimal|string  of the invoice, tax included

---@class billing.apply_credits.Input.credits
---@field currency string  ISO 4217, "USD"
---@field expires? integer  absent: never
---@field id string
---@field kind "promotional"|"prepaid"|"credit_note"
---@field priority? integer  lower first; absent: 0
---@field remaining tg.Decimal|string
---@field [string] any

---@class billing.apply_credits.Result
---@field applied billing.apply_credits.Result.applied[]
---@field credited tg.Decimal
---@field due tg.Decimal  what is left to pay; never below zero

---@class billing.apply_credits.Result.applied
---@field amount tg.Decimal
---@field id string

---@class billing.before_finalize.Input
---@field customer billing.before_finalize.Input.customer
---@field invoice billing.before_finalize.Input.invoice
---@field policy? billing.before_finalize.Input.policy
---@field usage billing.before_finalize.Input.usage

---@class billing.before_finalize.Input.customer
---@field country? string
---@field previous_totals? (tg.Decimal|string)[]  of the last invoices, newest first
---@field [string] any

---@class billing.before_finalize.Input.invoice
---@field approved? boolean  a person has looked at it: only what cannot be right holds it
---@field currency string  ISO 4217, "USD"
---@field id string
---@field lines integer  how many
---@field total tg.Decimal|string
---@field [string] any

---@class billing.before_finalize.Input.policy
---@field smallest? tg.Decimal|string  what is less is carried to the next invoice
---@field spike_percent? integer  held when so much above the mean of the last three; absent: 300

---@class billing.before_finalize.Input.usage
---@field failed integer  events of the period that wait for review
---@field unrated integer  events without a price

---@class billing.before_finalize.Result
---@field adjustments billing.before_finalize.Result.adjustments[]
---@field decision "ok"|"hold"|"adjust"
---@field reasons string[]
---@field total tg.Decimal  with the adjustments

---@class billing.before_finalize.Result.adjustments
---@field amount tg.Decimal
---@field description string
---@field kind string

---@class billing.dunning.Input
---@field attempts billing.dunning.Input.attempts[]  oldest first
---@field has_method boolean  there is a payment method on file
---@field invoice billing.dunning.Input.invoice
---@field now integer
---@field policy? billing.dunning.Input.policy
---@field timezone? string  of the customer: nobody is charged at night

---@class billing.dunning.Input.attempts
---@field advice? string  the provider's, "do_not_try_again"
---@field at integer
---@field class? "soft"|"hard"|"authentication"|"network"|"ours"
---@field code? string  the provider's, "insufficient_funds"
---@field outcome "failed"|"uncertain"
---@field [string] any

---@class billing.dunning.Input.invoice
---@field currency string  ISO 4217, "USD"
---@field due tg.Decimal|string
---@field due_at integer
---@field id string
---@field [string] any

---@class billing.dunning.Input.policy
---@field close_days? integer
---@field retry_days? integer[]  days after the due date
---@field suspend_days? integer  after the due date

---@class billing.dunning.Result
---@field action "retry"|"ask_customer"|"wait"|"suspend"|"give_up"
---@field at? integer  when; absent: now
---@field class? "soft"|"hard"|"authentication"|"network"|"ours"
---@field level integer  0 friendly … 3 last warning
---@field notice? "payment_failed"|"action_needed"|"new_method_needed"|"last_warning"|"suspended"|"written_off"
---@field reason string

---@class billing.prorate.Input
---@field at integer  when the change takes effect
---@field by? "second"|"day"|"none"  what is counted; absent: second. The day of the change is new
---@field currency string  ISO 4217, "USD"
---@field new? billing.prorate.Input.new
---@field old? billing.prorate.Input.old
---@field period billing.prorate.Input.period  half-open
---@field timezone? string  of the company; UTC when absent

---@class billing.prorate.Input.new
---@field description? string
---@field price tg.Decimal|string  of one for the whole period
---@field quantity integer  seats, or 1

---@class billing.prorate.Input.old
---@field description? string
---@field price tg.Decimal|string  of one for the whole period
---@field quantity integer  seats, or 1

---@class billing.prorate.Input.period  half-open
---@field from integer
---@field to integer

---@class billing.prorate.Result
---@field lines billing.prorate.Result.lines[]
---@field total tg.Decimal

---@class billing.prorate.Result.lines
---@field amount tg.Decimal  negative in a credit
---@field description? string
---@field from integer
---@field kind "credit"|"charge"
---@field part integer  of the whole period
---@field quantity integer
---@field to integer
---@field whole integer  seconds or days of the period

---@class billing.tax.Input
---@field currency string  ISO 4217, "USD"
---@field customer billing.tax.Input.customer
---@field inclusive? boolean  the amounts contain the tax
---@field lines billing.tax.Input.lines[]
---@field rates billing.tax.Input.rates[]  that were valid on the day of supply
---@field seller billing.tax.Input.seller

---@class billing.tax.Input.customer
---@field country? string  absent: taxed as at home
---@field exempt? boolean
---@field exempt_reason? string
---@field tax_id? string
---@field tax_id_valid? boolean  somebody has checked it
---@field union? string
---@field [string] any

---@class billing.tax.Input.lines
---@field amount tg.Decimal|string
---@field category? string  absent: standard
---@field id string
---@field [string] any

---@class billing.tax.Input.rates
---@field category? string  absent: standard
---@field country string
---@field name string  as it stands on the invoice, "VAT"
---@field percent tg.Decimal|string  "19"

---@class billing.tax.Input.seller
---@field country string
---@field tax_id? string
---@field union? string  tax union of the country, "EU"
---@field [string] any

---@class billing.tax.Result
---@field lines billing.tax.Result.lines[]
---@field net tg.Decimal
---@field note? string  what the invoice must say
---@field tax tg.Decimal
---@field taxes billing.tax.Result.taxes[]
---@field total tg.Decimal  net + tax

---@class billing.tax.Result.lines
---@field id string
---@field name? string
---@field percent tg.Decimal
---@field treatment "taxed"|"reverse_charge"|"exempt"|"outside"

---@class billing.tax.Result.taxes
---@field name? string
---@field net tg.Decimal  what the tax is on
---@field percent tg.Decimal
---@field tax tg.Decimal  rounded once, for all lines of the rate
---@field treatment "taxed"|"reverse_charge"|"exempt"|"outside"

---@class charging.admit.Input
---@field call charging.admit.Input.call  the call
---@field company charging.admit.Input.company
---@field counts charging.admit.Input.counts
---@field digits? string  call.to as E.164 digits, when it is a number
---@field fraud_score? integer  of whoever judges calls, 100 is worst

---@class charging.admit.Input.call  the call
---@field agent_id? string
---@field at integer  when the question is asked
---@field call_id string
---@field direction? string
---@field from? string
---@field meters? string[]  what it will be charged for; absent: call.seconds
---@field properties? table<string, any>  texts, integers, booleans and what else came with it
---@field to string  called number as the caller gave it
---@field [string] any

---@class charging.admit.Input.company
---@field id string
---@field limits? charging.admit.Input.company.limits  absent: none
---@field status "active"|"suspended"|"closed"
---@field [string] any

---@class charging.admit.Input.counts
---@field agent_open? integer  calls under way of this agent
---@field last_hour? integer
---@field last_minute? integer  calls begun; what no limit asks for is not counted
---@field number_open? integer  calls under way to this number
---@field open integer  calls under way
---@field same_number_last_hour? integer

---@class charging.admit.Input.company.limits  absent: none
---@field allowed_prefixes? string[]  digits; with them everything else is blocked
---@field blocked_prefixes? string[]  digits
---@field calls_per_agent? integer  at a time of one agent
---@field calls_per_hour? integer
---@field calls_per_minute? integer
---@field calls_per_number? integer  at a time to one number
---@field concurrent_calls? integer  lines
---@field fraud_score? integer  refused from here on; absent: 90
---@field same_number_per_hour? integer  calls to one number

---@class charging.admit.Result
---@field decision "allow"|"deny"
---@field detail? string  for the operator: which limit was met
---@field reason? "concurrency_limit"|"destination_blocked"|"company_suspended"|"rule_denied"

---@class charging.quote.Input
---@field answered_at? integer  absent: not answered yet, priced as of call.at
---@field available? tg.Decimal|string  what may be held in all; absent: no bound
---@field call charging.quote.Input.call  the call
---@field debited? tg.Decimal|string  what was charged for this call already
---@field plan? charging.quote.Input.plan  the company's parameters, see pricing/rating.md
---@field requested_s? integer  seconds asked for; absent: 60
---@field state? charging.quote.Input.state  what the rating depends on and changes
---@field used_s? integer  seconds since answer so far; absent: 0

---@class charging.quote.Input.call  the call
---@field agent_id? string
---@field at integer  when the question is asked
---@field call_id string
---@field direction? string
---@field from? string
---@field meters? string[]  what it will be charged for; absent: call.seconds
---@field properties? table<string, any>  texts, integers, booleans and what else came with it
---@field to string  called number as the caller gave it
---@field [string] any

---@class charging.quote.Input.plan  the company's parameters, see pricing/rating.md
---@field country? string  ISO 3166; how numbers are dialled there
---@field parameters? table<string, any>  the company's data for rules of one's own: pricing.parameters
---@field timezone? string  IANA zone of windows and days; UTC when absent
---@field [string] any

---@class charging.quote.Input.state  what the rating depends on and changes
---@field balances? charging.quote.Input.state.balances[]  what money is taken from
---@field bundles? charging.quote.Input.state.bundles[]  allowances
---@field counter_s? integer  charged seconds of the period so far
---@field meters? table<string, charging.quote.Input.state.meters>  what the prices of plan.prices remember of the period, by meter
---@field period? integer  which period of the plan it is, counted from any beginning
---@field [string] any

---@class charging.quote.Input.state.balances
---@field amount tg.Decimal|string
---@field id string
---@field [string] any

---@class charging.quote.Input.state.bundles
---@field id string
---@field remaining_s integer  free seconds
---@field [string] any

---@class charging.quote.Input.state.meters
---@field [string] any

---@class charging.quote.Result
---@field bundles? table<string, integer>  free seconds left, by id
---@field connect_fee? tg.Decimal
---@field counter_s? integer  the state with the call up to max_s, as pricing.rate_usage answers it
---@field final boolean  the money ends with this slice
---@field granted_s integer  length of the slice; 0 without a quote
---@field hold tg.Decimal  price of the call up to max_s, less what was debited
---@field increment_s? integer  length of the others
---@field initial_s? integer  length of the first block
---@field max_s integer  seconds since answer that are paid for with it
---@field meters? table<string, any>  state.meters afterwards
---@field per_minute? tg.Decimal  price when the slice begins
---@field prefix? string
---@field reason? string  why there is no quote, "not_e164"
---@field renew_in_s integer  when to ask again, from now
---@field status "quoted"|"no_rate"|"blocked"|"insufficient_funds"

---@class fx.pick.Input
---@field amount? tg.Decimal|string  converted too when given
---@field at integer  of the event or document
---@field from string  ISO 4217, "USD"
---@field markup_percent? tg.Decimal|string  what the company adds, "1.5"
---@field places? integer  of the converted amount; absent: 6
---@field to string  ISO 4217, "USD"

---@class fx.pick.Result
---@field amount? tg.Decimal
---@field date? string  of publication, "2026-04-02"
---@field error? "fx_stale"|"fx_unknown"
---@field rate? tg.Decimal  units of `to` for one of `from`

---@class payments.risk.Input
---@field amount tg.Decimal|string
---@field company payments.risk.Input.company
---@field currency string  ISO 4217, "USD"
---@field kind "topup"|"invoice"|"checkout"
---@field signals payments.risk.Input.signals

---@class payments.risk.Input.company
---@field age_days integer
---@field disputes integer  within a year
---@field largest_paid? tg.Decimal|string  in this currency
---@field paid_payments integer  that went well

---@class payments.risk.Input.signals
---@field attempts_last_hour integer
---@field billing_country? string
---@field card_country? string
---@field cards_last_day integer  different ones
---@field declines_last_hour integer
---@field ip_country? string
---@field listed? boolean  somebody put it on the block list
---@field provider_score? integer  100 is worst

---@class payments.risk.Result
---@field decision "allow"|"review"|"deny"
---@field reasons string[]
---@field score integer

---@class payments.route.Input
---@field amount tg.Decimal|string
---@field country? string  of the customer
---@field currency string  ISO 4217, "USD"
---@field method? string  card, paypal, sepa_debit; absent: any
---@field pinned? string  the provider that holds the customer's payment method
---@field providers payments.route.Input.providers[]  in the company's order
---@field tried? string[]  providers that refused this payment

---@class payments.route.Input.providers
---@field countries? string[]  absent: all
---@field currencies string[]
---@field fee_fixed? tg.Decimal|string  in the payment's currency
---@field fee_percent? tg.Decimal|string  "2.9"
---@field healthy boolean
---@field methods string[]
---@field name string
---@field smallest? tg.Decimal|string  what it takes at least, in the payment's currency
---@field success_bp? integer  payments of 10,000 that went well lately
---@field [string] any

---@class payments.route.Result
---@field provider? string  absent: none takes it
---@field reason string
---@field refused payments.route.Result.refused[]

---@class payments.route.Result.refused
---@field provider string
---@field reason string

---@class pricing.normalize_number.Input
---@field plan? pricing.normalize_number.Input.plan  the company's parameters, see pricing/rating.md
---@field raw string

---@class pricing.normalize_number.Input.plan  the company's parameters, see pricing/rating.md
---@field country? string  ISO 3166; how numbers are dialled there
---@field parameters? table<string, any>  the company's data for rules of one's own: pricing.parameters
---@field timezone? string  IANA zone of windows and days; UTC when absent
---@field [string] any

---@class pricing.normalize_number.Result
---@field digits? string  7 to 15 digits
---@field error? string  not_e164

---@class pricing.rate_components.Input
---@field at? integer
---@field call? pricing.rate_components.Input.call  what a price pack makes its own parts of
---@field components? pricing.rate_components.Input.components[]  the other parts
---@field plan? pricing.rate_components.Input.plan  the company's parameters, see pricing/rating.md
---@field state? pricing.rate_components.Input.state  what the rating depends on and changes

---@class pricing.rate_components.Input.call  what a price pack makes its own parts of
---@field direction? string
---@field duration_ms integer
---@field properties? table<string, any>
---@field status? string  absent: answered
---@field [string] any

---@class pricing.rate_components.Input.components
---@field cost? tg.Decimal|string  what the provider took
---@field duration_ms? integer  instead of a quantity: billed in blocks of seconds
---@field increment_s? integer  the others; absent: 1
---@field initial_s? integer  first block of a duration; absent: 1
---@field meter string  telephony, stt, llm.tokens.in, llm.tokens.out, llm.tokens.cached, tts.characters, platform
---@field min_s? integer
---@field own_key? boolean  the customer pays the provider: free
---@field per? integer  price is for so many
---@field price? any  an amount, or a table as in plan.prices; absent: the plan's or the pack's
---@field quantity? tg.Decimal|string
---@field [string] any

---@class pricing.rate_components.Input.plan  the company's parameters, see pricing/rating.md
---@field country? string  ISO 3166; how numbers are dialled there
---@field parameters? table<string, any>  the company's data for rules of one's own: pricing.parameters
---@field timezone? string  IANA zone of windows and days; UTC when absent
---@field [string] any

---@class pricing.rate_components.Input.state  what the rating depends on and changes
---@field balances? pricing.rate_components.Input.state.balances[]  what money is taken from
---@field bundles? pricing.rate_components.Input.state.bundles[]  allowances
---@field counter_s? integer  charged seconds of the period so far
---@field meters? table<string, pricing.rate_components.Input.state.meters>  what the prices of plan.prices remember of the period, by meter
---@field period? integer  which period of the plan it is, counted from any beginning
---@field [string] any

---@class pricing.rate_components.Input.state.balances
---@field amount tg.Decimal|string
---@field id string
---@field [string] any

---@class pricing.rate_components.Input.state.bundles
---@field id string
---@field remaining_s integer  free seconds
---@field [string] any

---@class pricing.rate_components.Input.state.meters
---@field [string] any

---@class pricing.rate_components.Result
---@field balances? table<string, tg.Decimal>  money left, by id
---@field billed_s integer  of the call
---@field bundles? table<string, integer>
---@field counter_s? integer
---@field error? string  no_price, invalid_duration
---@field lines pricing.rate_components.Result.lines[]
---@field meter? string  of which component; then nothing has a price
---@field meters? table<string, any>  state.meters afterwards
---@field status "rated"|"no_rate"|"failed"
---@field total tg.Decimal  sum of the lines

---@class pricing.rate_components.Result.lines
---@field amount tg.Decimal  rounded once, here
---@field billed? any  of the meter: an integer where it is whole, else a decimal
---@field bundle? string  the allowance that paid
---@field from_s? integer  seconds since answer
---@field kind string  connect, usage, bundle, min, cap; by a price: unit, seat, tier, package, included, …
---@field meter? string
---@field note? string
---@field per? integer  unit_amount is for so many; absent: one
---@field per_minute? tg.Decimal
---@field prefix? string
---@field quantity? tg.Decimal
---@field row? integer  of the deck
---@field seconds? integer
---@field unit_amount? tg.Decimal

---@class pricing.rate_usage.Input
---@field event pricing.rate_usage.Input.event
---@field plan? pricing.rate_usage.Input.plan  the company's parameters, see pricing/rating.md
---@field state? pricing.rate_usage.Input.state  what the rating depends on and changes

---@class pricing.rate_usage.Input.event
---@field answered_at integer
---@field cost? tg.Decimal|string  what a provider took for it, in the plan's currency
---@field direction? string
---@field duration_ms integer  answer to hang-up
---@field event_id string
---@field event_time? integer
---@field from? string
---@field meter? string  absent: call.seconds
---@field properties? table<string, any>  texts, integers and booleans of the event; where the plan has a price pack
---@field quantity? tg.Decimal|string
---@field status string  "answered"; anything else is not billable
---@field to? string  called number
---@field [string] any

---@class pricing.rate_usage.Input.plan  the company's parameters, see pricing/rating.md
---@field country? string  ISO 3166; how numbers are dialled there
---@field parameters? table<string, any>  the company's data for rules of one's own: pricing.parameters
---@field timezone? string  IANA zone of windows and days; UTC when absent
---@field [string] any

---@class pricing.rate_usage.Input.state  what the rating depends on and changes
---@field balances? pricing.rate_usage.Input.state.balances[]  what money is taken from
---@field bundles? pricing.rate_usage.Input.state.bundles[]  allowances
---@field counter_s? integer  charged seconds of the period so far
---@field meters? table<string, pricing.rate_usage.Input.state.meters>  what the prices of plan.prices remember of the period, by meter
---@field period? integer  which period of the plan it is, counted from any beginning
---@field [string] any

---@class pricing.rate_usage.Input.state.balances
---@field amount tg.Decimal|string
---@field id string
---@field [string] any

---@class pricing.rate_usage.Input.state.bundles
---@field id string
---@field remaining_s integer  free seconds
---@field [string] any

---@class pricing.rate_usage.Input.state.meters
---@field [string] any

---@class pricing.rate_usage.Result
---@field balances? table<string, tg.Decimal>  money left, by id
---@field billed_s? integer
---@field bundles? table<string, integer>  free seconds left, by id
---@field counter_s? integer
---@field error? string  why it is not rated
---@field lines pricing.rate_usage.Result.lines[]  what the total is made of
---@field meter? string  what has no price
---@field meters? table<string, any>  state.meters afterwards
---@field status "rated"|"not_billable"|"no_rate"|"blocked"|"failed"
---@field total tg.Decimal  sum of the lines

---@class pricing.rate_usage.Result.lines
---@field amount tg.Decimal  rounded once, here
---@field billed? any  of the meter: an integer where it is whole, else a decimal
---@field bundle? string  the allowance that paid
---@field from_s? integer  seconds since answer
---@field kind string  connect, usage, bundle, min, cap; by a price: unit, seat, tier, package, included, …
---@field meter? string
---@field note? string
---@field per? integer  unit_amount is for so many; absent: one
---@field per_minute? tg.Decimal
---@field prefix? string
---@field quantity? tg.Decimal
---@field row? integer  of the deck
---@field seconds? integer
---@field unit_amount? tg.Decimal

---@class pricing.true_up.Input
---@field charged tg.Decimal|string  by its events
---@field plan? pricing.true_up.Input.plan  the company's parameters, see pricing/rating.md
---@field price pricing.true_up.Input.price  of the meter, see pricing/lib/terms.lua
---@field quantity? tg.Decimal|string  of the period; a commitment looks at `charged`

---@class pricing.true_up.Input.plan  the company's parameters, see pricing/rating.md
---@field country? string  ISO 3166; how numbers are dialled there
---@field parameters? table<string, any>  the company's data for rules of one's own: pricing.parameters
---@field timezone? string  IANA zone of windows and days; UTC when absent
---@field [string] any

---@class pricing.true_up.Input.price  of the meter, see pricing/lib/terms.lua
---@field model string
---@field [string] any

---@class pricing.true_up.Result
---@field adjustment tg.Decimal  should_be less charged
---@field lines pricing.true_up.Result.lines[]  of the price of the whole
---@field should_be tg.Decimal

---@class pricing.true_up.Result.lines
---@field amount tg.Decimal  rounded once, here
---@field billed? any  of the meter: an integer where it is whole, else a decimal
---@field bundle? string  the allowance that paid
---@field from_s? integer  seconds since answer
---@field kind string  connect, usage, bundle, min, cap; by a price: unit, seat, tier, package, included, …
---@field meter? string
---@field note? string
---@field per? integer  unit_amount is for so many; absent: one
---@field per_minute? tg.Decimal
---@field prefix? string
---@field quantity? tg.Decimal
---@field row? integer  of the deck
---@field seconds? integer
---@field unit_amount? tg.Decimal

---@class rbac.authorize.Input
---@field actor rbac.authorize.Input.actor
---@field at integer
---@field permission string  resource:action
---@field policy? rbac.authorize.Input.policy  absent: nothing more is asked
---@field reauthenticated_at? integer  when the actor last gave a second factor
---@field resource rbac.authorize.Input.resource

---@class rbac.authorize.Input.actor
---@field company string
---@field id string
---@field kind "user"|"key"|"system"
---@field roles? string[]
---@field [string] any

---@class rbac.authorize.Input.policy  absent: nothing more is asked
---@field amounts? rbac.authorize.Input.policy.amounts[]
---@field fresh? string[]  permissions that ask people for a second factor of the last ten minutes
---@field hours? rbac.authorize.Input.policy.hours[]
---@field own_only? string[]  permissions that do not reach companies below
---@field timezone? string

---@class rbac.authorize.Input.resource
---@field amount? tg.Decimal|string
---@field below? boolean  that company is below the actor's
---@field company string  whose it is
---@field currency? string
---@field [string] any

---@class rbac.authorize.Input.policy.amounts
---@field currency string
---@field max tg.Decimal|string  that may be moved without more
---@field permission string
---@field role? string  only for these; absent: for all

---@class rbac.authorize.Input.policy.hours
---@field days integer[]  1 is Monday
---@field from string  "08:00"
---@field permission string  "*": each that is no :read
---@field to string  "18:00"

---@class rbac.authorize.Result
---@field allow boolean
---@field reason? "other_company"|"own_company_only"|"amount_limit"|"hours"|"reauthenticate"
