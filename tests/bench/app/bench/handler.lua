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

return handler
