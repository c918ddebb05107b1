--- Wallets and what belongs to them, as the API shows them.
local show = require("core.show")

local wallets = {}

function wallets.wallet(row)
  return {
    id = row.id, company = row.company, currency = row.currency, balance = show.money(row.balance, row.currency),
    credit_limit = show.money(row.credit_limit, row.currency), held = show.money(row.held, row.currency),
    available = show.money(row.available, row.currency), credits = show.money(row.credits, row.currency),
    open_calls = row.open_calls, version = row.version,
    created_at = show.time(row.created_at),
  }
end

function wallets.entry(row)
  return {
    id = row.id, kind = row.kind, amount = show.money(row.amount, row.currency),
    balance_after = show.money(row.balance_after, row.currency), event_count = row.event_count,
    description = row.description, created_at = show.time(row.created_at),
  }
end

function wallets.credit(row)
  return {
    id = row.id, wallet = row.wallet, kind = row.kind, priority = row.priority,
    granted = show.money(row.granted, row.currency), remaining = show.money(row.remaining, row.currency),
    expires_at = show.time(row.expires_at), note = row.note, entry = row.entry, created_at = show.time(row.created_at),
  }
end

function wallets.levels(found)
  local list, currency = tg.json.array({}), found.wallet.currency
  for i, row in ipairs(found.rows) do
    list[i] = { amount = show.money(row.amount, currency), firing = row.firing, since = show.time(row.since) }
  end
  return { wallet = found.wallet.id, levels = list }
end

function wallets.auto_topup(found)
  local rule, currency = found.rule or {}, found.wallet.currency
  return {
    wallet = found.wallet.id, enabled = rule.enabled == true, threshold = show.money(rule.threshold, currency),
    amount = show.money(rule.amount, currency), monthly_max = show.money(rule.monthly_max, currency),
    paused = rule.paused == true, ordered_this_month = show.money(found.ordered, currency),
  }
end

function wallets.order(row)
  return {
    id = row.id, company = row.company, wallet = row.wallet, state = row.state,
    amount = show.money(row.amount, row.currency), balance = show.money(row.balance, row.currency),
    entry = show.or_null(row.entry), reason = show.or_null(row.reason), wanted_at = show.time(row.wanted_at),
    closed_at = show.time(row.closed_at),
  }
end

function wallets.statement(made)
  local kinds, currency = tg.json.array({}), made.wallet.currency
  for i, row in ipairs(made.kinds) do
    kinds[i] = {
      kind = row.kind, entries = row.entries, events = row.events, amount = show.money(row.amount, currency),
    }
  end
  return {
    wallet = made.wallet.id, company = made.wallet.company, from = show.time(made.from), to = show.time(made.to),
    opening_balance = show.money(made.opening, currency), data = kinds,
    closing_balance = show.money(made.closing, currency),
  }
end

return wallets
