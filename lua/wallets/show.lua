--- Wallets and what belongs to them, as the API shows them.
local show = require("core.show")

local wallets = {}

function wallets.wallet(row)
  return {
    id = row.id, company = row.company, currency = row.currency, balance = show.money(row.balance, row.currency),
    credit_limit = show.money(row.credit_limit, row.currency), held = show.money(row.held, row.currency),
    available = show.money(row.available, row.currency), open_calls = row.open_calls, version = row.version,
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

return wallets
