--- SQL of wallets: what they show, and what their owners have set. What moves them is written by lua/ledger and the
--- ledger engine.
local store = {}

local WALLET <const> = [[
  SELECT w.id AS `id:wal`, w.company_id AS `company:co`, w.currency, w.balance, w.credit_limit, w.held, w.open_calls,
         w.balance + w.credit_limit - w.held AS available, w.version, w.created_at
    FROM company_tree t JOIN wallets w ON w.company_id = t.descendant_id
   WHERE t.ancestor_id = {scope} ]]

local CREDIT <const> = [[
  SELECT d.id AS `id:crd`, d.wallet_id AS `wallet:wal`, d.kind, d.priority, d.granted, d.remaining, d.expires_at,
         d.note, d.entry_id AS `entry:ent`, d.created_at, w.currency
    FROM company_tree t JOIN wallets w ON w.company_id = t.descendant_id
    JOIN credits d ON d.wallet_id = w.id
   WHERE t.ancestor_id = {scope} ]]

local sql <const> = tg.db.declare({
  wallet = WALLET .. "AND w.id = {id:id}",
  wallets = WALLET .. [[
     AND ({company:id} IS NULL OR w.company_id = {company:id}) AND ({currency} IS NULL OR w.currency = {currency})
     AND ({after:id} IS NULL OR w.id > {after:id})
   ORDER BY w.id LIMIT {limit}]],
  -- EXISTS, not a join: FOR UPDATE would lock the row of the tree too, which others need to make companies.
  lock_wallet = [[
    SELECT w.company_id AS `company:co`, w.currency, w.balance, w.credit_limit FROM wallets w
     WHERE w.id = {id:id}
       AND EXISTS (SELECT 1 FROM company_tree t WHERE t.ancestor_id = {scope} AND t.descendant_id = w.company_id)
       FOR UPDATE]],
  set_credit_limit = [[
    UPDATE wallets w JOIN company_tree t ON t.ancestor_id = {scope} AND t.descendant_id = w.company_id
       SET w.credit_limit = {amount} WHERE w.id = {id:id}]],
  set_band = [[
    UPDATE wallets w JOIN company_tree t ON t.ancestor_id = {scope} AND t.descendant_id = w.company_id
       SET w.alert_below = {below}, w.alert_above = {above} WHERE w.id = {id:id}]],
  entries = [[
    SELECT e.id AS `id:ent`, e.kind, e.event_count, e.description, e.created_at, p.amount, p.balance_after, p.currency
      FROM company_tree t JOIN wallets w ON w.company_id = t.descendant_id
      JOIN ledger_postings p ON p.wallet_id = w.id
      JOIN ledger_entries e ON e.company_id = p.company_id AND e.id = p.entry_id
     WHERE t.ancestor_id = {scope} AND w.id = {wallet:id} AND ({before:id} IS NULL OR p.entry_id < {before:id})
     ORDER BY p.entry_id DESC LIMIT {limit}]],
  wallet_credit = CREDIT .. "AND d.id = {id:id}",
  wallet_credits = CREDIT .. [[
     AND w.id = {wallet:id} AND ({after:id} IS NULL OR d.id < {after:id}) ORDER BY d.id DESC LIMIT {limit}]],
  wallets_with_expired = {
    unscoped = "credits of all companies end by one clock",
    sql = [[
      SELECT DISTINCT d.wallet_id AS `id:wal`, d.company_id AS `company:co`
        FROM credits d FORCE INDEX (expiry) JOIN wallets w ON w.id = d.wallet_id
       WHERE d.expires_at > {from:time} AND d.expires_at <= {now:time} AND d.remaining > 0
         AND w.balance + w.credit_limit - w.held > 0
       LIMIT {limit}]],
  },
  -- One statement is one moment: what came before is the balance less what came since.
  sums_by_kind = [[
    SELECT e.kind, p.entry_id >= {to:id} AS `is_later:bool`, COUNT(*) AS entries,
           CAST(COALESCE(SUM(e.event_count), 0) AS SIGNED) AS events, SUM(p.amount) AS amount
      FROM company_tree t JOIN wallets w ON w.company_id = t.descendant_id
      JOIN ledger_postings p ON p.wallet_id = w.id AND p.entry_id >= {from:id}
      JOIN ledger_entries e ON e.company_id = p.company_id AND e.id = p.entry_id
     WHERE t.ancestor_id = {scope} AND w.id = {id:id}
     GROUP BY e.kind, p.entry_id >= {to:id} ORDER BY e.kind
     LIMIT 1000]],
})

--- A wallet, own or below.
---@param tx table? of the transaction that is open
function store.wallet(id, tx)
  if tx then
    return tx:one(sql.wallet, { id = id })
  end
  return tg.db.one(sql.wallet, { id = id })
end

---@param filter {after: {[1]: string}?, company: string?, currency: string?, limit: integer}
function store.wallets(filter)
  return tg.db.query(sql.wallets, {
    after = filter.after and filter.after[1], company = filter.company, currency = filter.currency,
    limit = filter.limit,
  })
end

--- What moved a wallet, newest first.
function store.entries(wallet, before, limit)
  return tg.db.query(sql.entries, { wallet = wallet, before = before, limit = limit })
end

--- Locks a wallet, own or below.
---@return {company: string, currency: string, balance: decimal, credit_limit: decimal}? row, table? err
function store.lock_wallet(tx, id)
  return tx:one(sql.lock_wallet, { id = id })
end

function store.set_credit_limit(tx, id, amount)
  return tx:execute(sql.set_credit_limit, { id = id, amount = amount })
end

--- Between which balances nobody wants to know.
---@param below decimal? nil: there is no level below
---@param above decimal?
function store.set_band(tx, id, below, above)
  return tx:execute(sql.set_band, { id = id, below = below, above = above })
end

function store.credit(id, tx)
  return tx:one(sql.wallet_credit, { id = id })
end

--- The credits of a wallet, the newest first.
function store.credits(wallet, after, limit)
  return tg.db.query(sql.wallet_credits, { wallet = wallet, after = after, limit = limit })
end

--- Wallets with credits that ended between the two and can be broken.
---@return {id: string, company: string}[]? rows, table? err
function store.wallets_with_expired(from, now, limit)
  return tg.db.query(sql.wallets_with_expired, { from = from, now = now, limit = limit })
end

--- What moved a wallet since `from`, by kind, and whether after `to`. Both are the least ids of their moments.
function store.sums_by_kind(tx, id, from, to)
  return tx:query(sql.sums_by_kind, { id = id, from = from, to = to })
end

return store
