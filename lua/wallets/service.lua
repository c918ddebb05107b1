--- Wallets: what is in them, and money that comes in or is put right by hand.
-- Usage and calls are charged by the ledger engine; everything here posts with ledger.service. Money comes in, credit
-- is given and a balance is put right from above: by the company that sells, never by the one that pays.
local audit = require("audit.service")
local errors = require("core.errors")
local identity = require("identity.service")
local ledger = require("ledger.service")
local outbox = require("outbox.service")
local store = require("wallets.store")

local service = {}

local LATEST_EXPIRY_US <const> = 100 * 366 * 86400 * 1000000

function service.wallet(id)
  local row, err = store.wallet(id)
  if err then
    return nil, err
  end
  if not row then
    return nil, errors.not_found("wallet")
  end
  return row
end

function service.wallets(filter)
  return store.wallets(filter)
end

--- What moved a wallet, newest first.
function service.entries(wallet, filter)
  local found, err = service.wallet(wallet)
  if not found then
    return nil, err
  end
  return store.entries(wallet, filter.after and filter.after[1], filter.limit)
end

--- The wallet, if the caller sells to its company: who pays does not say what it has paid.
---@param id string
---@param what string "credit limit": of what the sentence of the refusal is
---@return table? wallet, table? err
function service.from_above(id, what)
  local wallet, err = service.wallet(id)
  if not wallet then
    return nil, err
  end
  local company
  company, err = identity.company(wallet.company)
  if not company then
    return nil, err
  elseif company.depth == 0 and company.parent then
    return nil, errors.denied(("A company's %s comes from the company above it."):format(what))
  end
  return wallet
end

--- Sets how far below zero a wallet may go.
---@param amount string a decimal, in the wallet's currency
---@param review string? why no second person had to approve, or who did
---@param record (fun(tx: table, row: table): any, table?)? last thing in the transaction
---@return table? wallet, table? err
function service.change_credit_limit(id, amount, review, record)
  local wallet, err = service.from_above(id, "credit limit")
  if not wallet then
    return nil, err
  end
  local limit <const> = tostring(tg.decimal.new(amount))
  local done
  done, err = tg.db.transaction(function(tx)
    local locked, failed = store.lock_wallet(tx, id)
    if not locked then
      return nil, failed or errors.not_found("wallet")
    end
    local changed
    changed, failed = store.set_credit_limit(tx, id, limit)
    if changed then
      changed, failed = audit.record(tx, {
        action = "wallets.change_credit_limit", object = id,
        before = { credit_limit = tostring(locked.credit_limit) }, after = { credit_limit = limit, review = review },
      })
    end
    if changed and record then
      changed, failed = record(tx, { id = id, credit_limit = { amount = limit, currency = locked.currency } })
    end
    return changed, failed
  end)
  if not done then
    return nil, err
  end
  return service.wallet(id)
end

--- An amount that a bank or a provider can move: of so many places as the currency has.
---@param pointer string where it stands, for the refusal
---@return decimal? amount, table? err
function service.payable(text, currency, pointer)
  local amount, places = tg.decimal.new(text), tg.money.currency(currency).places
  if tg.decimal.mul(amount, 1, places, "down") ~= amount then
    return nil, errors.input(pointer, ("must have at most %d places: it is %s"):format(places, currency))
  end
  return amount
end

--- Posts one entry between a wallet and another account, and tells of it. The end of a transaction.
---@param tx table
---@param wallet {id: string, company: string, currency: string}
---@param entry {kind: string, amount: decimal, against: string, description: string, credit: table?}
---@return {entry: table, wallet: table}? moved the rows, for the answer; table? err
function service.move(tx, wallet, entry)
  local posted, err = ledger.post(tx, {
    {
      company = wallet.company, currency = wallet.currency, kind = entry.kind, description = entry.description,
      credit = entry.credit,
      legs = { { account = "wallet", amount = entry.amount }, { account = entry.against, amount = -entry.amount } },
    },
  })
  if not posted then
    return nil, err
  end
  local after <const>, id <const> = posted[1].wallet, posted[1].id
  assert(after.id == wallet.id)
  local told
  told, err = outbox.add(tx, {
    company = wallet.company, event = entry.kind, object = wallet.id, version = after.version,
    data = {
      entry = id, amount = tostring(entry.amount), balance = tostring(after.balance), currency = wallet.currency,
    },
  })
  local row
  if told then
    row, err = store.wallet(wallet.id, tx)
  end
  if not row then
    return nil, err
  end
  return {
    wallet = row,
    entry = {
      id = id, kind = entry.kind, amount = entry.amount, balance_after = after.balance, currency = wallet.currency,
      event_count = 0, description = entry.description, created_at = posted[1].at,
    },
  }
end

--- What is written beside money that came from outside.
---@param input {reference: string, note: string?}
---@return string
function service.description(input)
  return input.note and ("%s: %s"):format(input.reference, input.note) or input.reference
end

-- A transaction that records a write in the audit log, moves money, and ends with `record`.
local function moving(wallet, entry, audited, record)
  return tg.db.transaction(function(tx)
    local done, err = audit.record(tx, audited)
    local moved
    if done then
      moved, err = service.move(tx, wallet, entry)
    end
    if not moved then
      return nil, err
    end
    done, err = record(tx, moved)
    return done and moved, err
  end)
end

--- Money has come in from outside: a bank transfer.
---@param input {amount: string, reference: string, note: string?}
---@param record fun(tx: table, moved: table): any, table? last thing in the transaction
---@return {entry: table, wallet: table}? moved, table? err
function service.top_up(id, input, record)
  local wallet, err = service.from_above(id, "money")
  local amount
  if wallet then
    amount, err = service.payable(input.amount, wallet.currency, "/amount")
  end
  if not amount then
    return nil, err
  end
  return moving(wallet, {
    kind = "wallet.topped_up", amount = amount, against = "clearing", description = service.description(input),
  }, { action = "wallets.top_up", object = id, after = input }, record)
end

--- Gives credit: money that is spent before the rest, and may end.
---@param input {amount: string, priority: integer?, expires_at: integer?, note: string?}
---@param record fun(tx: table, moved: table): any, table?
---@return {credit: table, wallet: table}? moved, table? err
function service.give_credit(id, input, record)
  local wallet, err = service.from_above(id, "credit")
  local now <const> = tg.time.now()
  if not wallet then
    return nil, err
  elseif input.expires_at and (input.expires_at <= now or input.expires_at > now + LATEST_EXPIRY_US) then
    return nil, errors.input("/expires_at", "must be an instant of the next hundred years")
  end
  local credit <const> = {
    id = tg.id.new("crd"), kind = "promotion", priority = input.priority or 0, expires_at = input.expires_at,
    note = input.note or "",
  }
  local after <const> = {
    credit = credit.id, amount = input.amount, priority = credit.priority, note = input.note,
    expires_at = input.expires_at and tg.time.format(input.expires_at),
  }
  return moving(wallet, {
    kind = "credit.granted", amount = tg.decimal.new(input.amount), against = "promotions", description = credit.note,
    credit = credit,
  }, { action = "wallets.give_credit", object = id, after = after }, function(tx, moved)
    local failed
    moved.credit, failed = store.credit(credit.id, tx)
    if not moved.credit then
      return nil, failed
    end
    return record(tx, moved)
  end)
end

--- The credits of a wallet, the newest first.
function service.credits(id, filter)
  local wallet, err = service.wallet(id)
  if not wallet then
    return nil, err
  end
  return store.credits(id, filter.after and filter.after[1], filter.limit)
end

--- Puts a balance right.
---@param input {amount: string, reason: string} the amount may be below zero
---@param review string? why no second person had to approve, or who did
---@param record fun(tx: table, moved: table): any, table?
---@return {entry: table, wallet: table}? moved, table? err
function service.correct(id, input, review, record)
  local wallet, err = service.from_above(id, "correction")
  if not wallet then
    return nil, err
  end
  return moving(wallet, {
    kind = "wallet.corrected", amount = tg.decimal.new(input.amount), against = "corrections",
    description = input.reason,
  }, {
    action = "wallets.correct", object = id, after = { amount = input.amount, reason = input.reason, review = review },
  }, record)
end

return service
