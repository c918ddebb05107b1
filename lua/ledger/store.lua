--- SQL of the ledger as features write it. (The engine, src/charge, writes its own.)
-- Nothing here reads without a lock before the wallet is locked: a transaction that has looked at the database would
-- find the wallet changed since, and be run again and again while its company makes calls.
local errors = require("core.errors")

local store = {}

local POSTS <const> = "a feature posts where it has checked that it may: a purchase also at the seller's"

local sql <const> = tg.db.declare({
  -- The index alone says it; the wallet itself, which the engine needs, is not touched by this lock.
  wallet_of = {
    unscoped = POSTS,
    sql = [[
      SELECT id AS `id:wal` FROM wallets FORCE INDEX (company_currency)
       WHERE company_id = {company:id} AND currency = {currency} LOCK IN SHARE MODE]],
  },
  take_wallet = {
    unscoped = POSTS,
    sql = [[
      SELECT id AS `id:wal`, company_id AS `company:co`, currency, balance, credit_limit, held, has_credits,
             alert_below, alert_above, version
        FROM wallets WHERE id = {id:id} FOR UPDATE]],
  },
  make_wallet = {
    unscoped = POSTS,
    sql = [[
      INSERT INTO wallets (company_id, id, currency, created_at)
      VALUES ({company:id}, {id:id}, {currency}, {now:time})]],
  },
  write_wallet = {
    unscoped = POSTS,
    sql = [[
      UPDATE wallets SET balance = {balance}, version = {version}, has_credits = {has_credits} WHERE id = {id:id}]],
  },
  insert_entry = {
    unscoped = POSTS,
    sql = [[
      INSERT INTO ledger_entries (company_id, id, kind, operation_id, event_count, description, created_at)
      VALUES ({company:id}, {id:id}, {kind}, {operation:id}, 0, {description}, {now:time})]],
  },
  insert_posting = {
    unscoped = POSTS,
    sql = [[
      INSERT INTO ledger_postings (company_id, entry_id, leg, account, wallet_id, currency, amount, balance_after)
      VALUES ({company:id}, {entry:id}, {leg}, {account}, {wallet:id}, {currency}, {amount}, {balance_after})]],
  },
  credits_left = {
    unscoped = POSTS,
    sql = [[
      SELECT id AS `id:crd`, priority, expires_at, remaining FROM credits
       WHERE wallet_id = {wallet:id} AND remaining > 0 FOR UPDATE]],
  },
  insert_credit = {
    unscoped = POSTS,
    sql = [[
      INSERT INTO credits (company_id, id, wallet_id, kind, priority, granted, remaining, expires_at, note, entry_id,
                           created_at)
      VALUES ({company:id}, {id:id}, {wallet:id}, {kind}, {priority}, {amount}, {amount}, {expires_at:time}, {note},
              {entry:id}, {now:time})]],
  },
  insert_draw = {
    unscoped = POSTS,
    sql = [[
      INSERT INTO credit_draws (company_id, entry_id, credit_id, amount)
      VALUES ({company:id}, {entry:id}, {credit:id}, {amount})]],
  },
  write_credit = {
    unscoped = POSTS,
    sql = "UPDATE credits SET remaining = {remaining} WHERE company_id = {company:id} AND id = {credit:id}",
  },
})

--- The id of a wallet, which is made when there is none.
---@return string? id, table? err
function store.wallet_of(tx, company, currency, now)
  local key <const> = { company = company, currency = currency }
  local row, err = tx:one(sql.wallet_of, key)
  if row or err then
    return row and row.id, err
  end
  key.id, key.now = tg.id.new("wal"), now
  local made
  made, err = tx:execute(sql.make_wallet, key)
  if made then
    return key.id
  elseif errors.is_duplicate(err) then
    row, err = tx:one(sql.wallet_of, key)
  end
  return row and row.id, err
end

--- Locks a wallet.
function store.take_wallet(tx, id)
  return tx:one(sql.take_wallet, { id = id })
end

function store.write_wallet(tx, wallet)
  return tx:execute(sql.write_wallet, {
    id = wallet.id, balance = wallet.balance, version = wallet.version, has_credits = wallet.has_credits,
  })
end

--- Writes an entry and its postings.
---@param entry {company: string, id: string, kind: string, operation: string?, description: string, now: integer}
---@param postings table[]
function store.insert_entry(tx, entry, postings)
  local done, err = tx:execute(sql.insert_entry, entry)
  if not done then
    return nil, err
  end
  return tx:bulk(sql.insert_posting, postings)
end

--- The credits of a wallet with something left, in no order.
function store.credits_left(tx, wallet)
  return tx:query(sql.credits_left, { wallet = wallet })
end

function store.insert_credit(tx, credit)
  return tx:execute(sql.insert_credit, credit)
end

--- Writes what was drawn, and what it leaves.
---@param draws {company: string, entry: string, credit: string, amount: decimal, remaining: decimal}[] not empty
function store.draw(tx, draws)
  local done, err = tx:bulk(sql.insert_draw, draws)
  if not done then
    return nil, err
  end
  return tx:bulk(sql.write_credit, draws)
end

return store
