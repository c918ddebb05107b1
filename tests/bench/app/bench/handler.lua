--- What is measured beside the peers: a reply from Lua, a price from a rule, a row by its key.
local settings = require("bench.settings")
local store = require("bench.store")

local handler = {}

local plan <const> = { currency = "USD", timezone = "UTC" }
local deck

function handler.hello()
  return 200, { message = "hello" }
end

--- {to, duration_ms} → {amount, seconds}: the rule that charges calls, on the deck that the peers have in a table.
-- Its simple sibling asks a rule that does no more than the peers do.
function handler.quote(req)
  local body, err = req:json()
  if body == nil then
    return nil, err
  end
  deck = deck or assert(tg.decks.get(settings.deck, 1))
  local event = {
    event_id = "quote", status = "answered", to = body.to, duration_ms = body.duration_ms, answered_at = tg.time.now(),
  }
  local price
  price, err = tg.rules.call("pricing.rate_usage", { event = event, plan = plan }, deck)
  if price == nil then
    return nil, err
  end
  return 200, { amount = tg.decimal.format(price.total), seconds = price.billed_s }
end

function handler.quote_simple(req)
  local body, err = req:json()
  if body == nil then
    return nil, err
  end
  deck = deck or assert(tg.decks.get(settings.deck, 1))
  local price
  price, err = tg.rules.call("bench.quote", { to = body.to, duration_ms = body.duration_ms, at = tg.time.now() }, deck)
  if price == nil then
    return nil, err
  end
  return 200, { amount = tg.decimal.format(price.amount), seconds = price.seconds }
end

function handler.wallet(req)
  local wallet, err = store.wallet(math.tointeger(req.params.id))
  if wallet == nil then
    return nil, err or { code = "not_found", detail = "there is no such wallet" }
  end
  return 200, { id = wallet.id, balance = tostring(wallet.balance) }
end

--- A rule that has no money to count: what a shadow looks at whoever asks.
function handler.number()
  local number, err = tg.rules.call("pricing.normalize_number", { raw = "+44 20 7946 0000", plan = plan })
  if number == nil then
    return nil, err
  end
  return 200, number
end

local answered <const> = { event_id = "same", status = "answered", to = "1", duration_ms = 1, answered_at = 0 }

-- The number that a bundle of tests/bench/rules.mjs gives to both of its hooks, and its id; nil when they differ.
local function number_of_bundle()
  local price, report = tg.rules.call("pricing.rate_usage", { event = answered, plan = plan })
  local number, other = tg.rules.call("pricing.normalize_number", { raw = "1", plan = plan })
  assert(price and number, "the rules failed")
  local same = report.bundle == other.bundle and "1000000" .. tostring(price.total) == number.digits
  return same and number.digits .. report.bundle
end

--- Asks two rules, waits for the database, asks them again: 409 when the four answers are not of one bundle.
function handler.same_rules()
  local before = number_of_bundle()
  local _, err = store.wallet(1)
  if err then
    return nil, err
  end
  return before and before == number_of_bundle() and 200 or 409, { bundle = before }
end

return handler
