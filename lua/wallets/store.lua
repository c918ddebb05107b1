--- SQL of wallets: what they show, and what their owners have set. What moves them is written by lua/ledger and the
--- ledger engine.
local errors = require("core.errors")

local store = {}

local WALLET <const> = [[
  SELECT w.id AS `id:wal`, w.company_id AS `company:co`, w.currency, w.balance, w.credit_limit, w.held, w.open_calls,
         w.balance + w.credit_limit - w.held AS available, w.version, w.created_at,
         COALESCE((SELECT SUM(d.remaining) FROM credits d WHERE d.wallet_id = w.id AND d.remaining > 0), 0) AS credits
    FROM company_tree t JOIN wallets w ON w.company_id = t.descendant_id
   WHERE t.ancestor_id = {scope} ]]

local CREDIT <const> = [[
  SELECT d.id AS `id:crd`, d.wallet_id AS `wallet:wal`, d.kind, d.priority, d.granted, d.remaining, d.expires_at,
         d.note, d.entry_id AS `entry:ent`, d.created_at, w.currency
    FROM company_tree t JOIN wallets w ON w.company_id = t.descendant_id
    JOIN credits d ON d.wallet_id = w.id
   WHERE t.ancestor_id = {scope} ]]

local ORDER <const> = [[
  SELECT o.id AS `id:top`, o.company_id AS `company:co`, o.wallet_id AS `wallet:wal`, o.state, o.amount, o.currency,
         o.balance, o.entry_id AS `entry:ent`, o.reason, o.wanted_at, o.closed_at
    FROM company_tree t JOIN topup_orders o ON o.company_id = t.descendant_id
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
  levels = [[
    SELECT l.amount, l.firing AS `firing:bool`, l.run, l.since
      FROM company_tree t JOIN wallet_levels l ON l.company_id = t.descendant_id
     WHERE t.ancestor_id = {scope} AND l.wallet_id = {wallet:id} ORDER BY l.amount]],
  insert_level = [[
    INSERT INTO wallet_levels (company_id, wallet_id, amount)
    SELECT t.descendant_id, {wallet:id}, {amount} FROM company_tree t
     WHERE t.ancestor_id = {scope} AND t.descendant_id = {company:id}]],
  delete_level = [[
    DELETE l FROM wallet_levels l JOIN company_tree t ON t.ancestor_id = {scope} AND t.descendant_id = l.company_id
     WHERE l.wallet_id = {wallet:id} AND l.amount = {amount}]],
  note_level = [[
    UPDATE wallet_levels l JOIN company_tree t ON t.ancestor_id = {scope} AND t.descendant_id = l.company_id
       SET l.firing = {firing}, l.run = {run}, l.since = {since:time}
     WHERE l.wallet_id = {wallet:id} AND l.amount = {amount}]],

  auto_topup = [[
    SELECT r.enabled AS `enabled:bool`, r.threshold, r.amount, r.monthly_max, r.paused AS `paused:bool`, r.updated_at
      FROM company_tree t JOIN auto_topups r ON r.company_id = t.descendant_id
     WHERE t.ancestor_id = {scope} AND r.wallet_id = {wallet:id}]],
  set_auto_topup = [[
    INSERT INTO auto_topups (company_id, wallet_id, enabled, threshold, amount, monthly_max, paused, updated_at)
    SELECT t.descendant_id, {wallet:id}, {enabled}, {threshold}, {amount}, {monthly_max}, 0, {now:time}
      FROM company_tree t WHERE t.ancestor_id = {scope} AND t.descendant_id = {company:id}
        ON DUPLICATE KEY UPDATE enabled = {enabled}, threshold = {threshold}, amount = {amount},
           monthly_max = {monthly_max}, paused = 0, updated_at = {now:time}]],
  pause_auto_topup = [[
    UPDATE auto_topups r JOIN company_tree t ON t.ancestor_id = {scope} AND t.descendant_id = r.company_id
       SET r.paused = {paused} WHERE r.wallet_id = {wallet:id}]],
  wallets_to_look_at = {
    unscoped = "one clock looks after the wallets of all companies",
    sql = [[
      SELECT w.id AS `id:wal`, w.company_id AS `company:co`
        FROM auto_topups r JOIN wallets w ON w.id = r.wallet_id
       WHERE r.enabled = 1 AND r.paused = 0 AND w.balance < r.threshold
         AND NOT EXISTS (SELECT 1 FROM topup_orders o WHERE o.open_wallet = w.id)
       UNION
      SELECT id, company_id FROM wallets WHERE balance < alert_below OR balance >= alert_above
       LIMIT {limit}]],
  },
  topup_order = ORDER .. "AND o.id = {id:id}",
  topup_orders = ORDER .. [[
     AND o.wallet_id = {wallet:id} AND ({after:id} IS NULL OR o.id < {after:id}) ORDER BY o.id DESC LIMIT {limit}]],
  ordered_since = [[
    SELECT COALESCE(SUM(o.amount), 0) AS amount
      FROM company_tree t JOIN topup_orders o ON o.company_id = t.descendant_id
     WHERE t.ancestor_id = {scope} AND o.wallet_id = {wallet:id} AND o.wanted_at >= {from:time}
       AND o.state <> 'failed']],
  insert_order = [[
    INSERT INTO topup_orders (company_id, id, wallet_id, open_wallet, state, amount, currency, balance, wanted_at)
    SELECT t.descendant_id, {id:id}, {wallet:id}, {wallet:id}, 'wanted', {amount}, {currency}, {balance}, {now:time}
      FROM company_tree t WHERE t.ancestor_id = {scope} AND t.descendant_id = {company:id}]],
  close_order = [[
    UPDATE topup_orders o JOIN company_tree t ON t.ancestor_id = {scope} AND t.descendant_id = o.company_id
       SET o.state = {state}, o.open_wallet = NULL, o.entry_id = {entry:id}, o.reason = {reason},
           o.closed_at = {now:time}
     WHERE o.id = {id:id} AND o.state = 'wanted']],

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

-- Inside a transaction what is read must be read through it.
local function one(tx, statement, args)
  if tx then
    return tx:one(statement, args)
  end
  return tg.db.one(statement, args)
end

--- A wallet, own or below.
---@param tx table? of the transaction that is open
function store.wallet(id, tx)
  return one(tx, sql.wallet, { id = id })
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

--- Locks a wallet, own or below; its levels, its rule and its orders are changed by whoever has locked it.
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

--- The levels of a wallet, ascending.
function store.levels(wallet, tx)
  local args <const> = { wallet = wallet }
  if tx then
    return tx:query(sql.levels, args)
  end
  return tg.db.query(sql.levels, args)
end

---@param company string of the wallet
function store.add_level(tx, company, wallet, amount)
  return tx:execute(sql.insert_level, { company = company, wallet = wallet, amount = amount })
end

function store.drop_level(tx, wallet, amount)
  return tx:execute(sql.delete_level, { wallet = wallet, amount = amount })
end

---@param state {firing: boolean, run: integer, since: integer?}
function store.note_level(tx, wallet, amount, state)
  return tx:execute(sql.note_level, {
    wallet = wallet, amount = amount, firing = state.firing, run = state.run, since = state.since,
  })
end

--- The rule of automatic top-ups; nil: there is none.
function store.auto_topup(wallet, tx)
  return one(tx, sql.auto_topup, { wallet = wallet })
end

function store.set_auto_topup(tx, rule)
  return tx:execute(sql.set_auto_topup, rule)
end

function store.pause_auto_topup(tx, wallet, paused)
  return tx:execute(sql.pause_auto_topup, { wallet = wallet, paused = paused })
end

--- Wallets that should want money and want none, and those whose balance is outside its band.
---@return {id: string, company: string}[]? rows, table? err
function store.wallets_to_look_at(limit)
  return tg.db.query(sql.wallets_to_look_at, { limit = limit })
end

function store.order(id, tx)
  return one(tx, sql.topup_order, { id = id })
end

--- The orders of a wallet, the newest first.
function store.orders(wallet, after, limit)
  return tg.db.query(sql.topup_orders, { wallet = wallet, after = after, limit = limit })
end

--- What has been ordered since an instant and has not failed.
function store.ordered_since(wallet, from, tx)
  local row, err = one(tx, sql.ordered_since, { wallet = wallet, from = from })
  return row and row.amount, err
end

--- Fails with a duplicate when the wallet wants money already.
function store.insert_order(tx, order)
  return tx:execute(sql.insert_order, order)
end

---@param order {id: string, state: string, entry: string?, reason: string?, now: integer}
function store.close_order(tx, order)
  local closed, err = tx:execute(sql.close_order, order)
  if closed == 0 then -- somebody was first: nothing of this may stand
    return nil, errors.conflict("order_closed", "The order is closed: nothing moves it any more.")
  end
  return closed, err
end

--- What moved a wallet since `from`, by kind, and whether after `to`. Both are the least ids of their moments.
function store.sums_by_kind(tx, id, from, to)
  return tx:query(sql.sums_by_kind, { id = id, from = from, to = to })
end

return store
