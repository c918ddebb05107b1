--- The automatic top-up: a rule says when a wallet wants money, an order says that it does.
--
-- A wallet has one order that is wanted, or none (a unique key says so), however many charges take it below its
-- threshold at once, on however many servers. Whoever brings the money settles the order, which posts it; whoever
-- cannot fails it, and then nothing more is wanted before the balance has been above the threshold, or somebody sets
-- the rule anew: a card that is refused is not asked again and again. Rule and orders are changed under the wallet's
-- lock.
local alerts = require("alerts.service")
local audit = require("audit.service")
local errors = require("core.errors")
local identity = require("identity.service")
local ledger = require("ledger.service")
local outbox = require("outbox.service")
local store = require("wallets.store")
local wallets = require("wallets.service")

local orders = {}

local function alert(wallet, kind, object, data)
  data.wallet, data.currency = wallet.id, wallet.currency
  return { company = wallet.company, kind = kind, object = object, data = data }
end

-- An order that was wanted, failed or settled: it has three states, and its version counts them.
local function tell(tx, wallet, order, event, version)
  return outbox.add(tx, {
    company = wallet.company, event = event, object = order.id, version = version,
    data = { wallet = wallet.id, amount = tostring(order.amount), currency = wallet.currency },
  })
end

--- The first instant of the month that an instant is in, where the company is.
---@return integer
function orders.month(now, zone)
  return tg.calendar.start_of_day(tg.calendar.date(now, zone):sub(1, 8) .. "01", zone)
end

-- Has the month enough left? Tells once when it has not.
local function may_order(tx, wallet, rule, zone, now)
  local capped = alert(wallet, "wallet.topup_capped", wallet.id, { balance = tostring(wallet.balance) })
  local is_within = true
  if rule.monthly_max then
    local ordered, err = store.ordered_since(wallet.id, orders.month(now, zone), tx)
    if not ordered then
      return nil, err
    end
    is_within = ordered + rule.amount <= rule.monthly_max
    capped.data.monthly_max = tostring(rule.monthly_max)
  end
  local told, err
  if is_within then
    told, err = alerts.clear(tx, capped)
  else
    told, err = alerts.raise(tx, capped)
  end
  if told == nil then
    return nil, err
  end
  return is_within
end

local function order(tx, wallet, rule, now)
  local wanted <const> = {
    id = tg.id.new("top"), company = wallet.company, wallet = wallet.id, amount = rule.amount,
    currency = wallet.currency, balance = wallet.balance, now = now,
  }
  local done, err = store.insert_order(tx, wanted)
  if errors.is_duplicate(err) then
    return true -- it wants some already
  elseif done then
    done, err = alerts.raise(tx, alert(wallet, "wallet.topup_wanted", wanted.id, {
      amount = tostring(rule.amount), balance = tostring(wallet.balance),
    }))
  end
  if done then
    done, err = tell(tx, wallet, wanted, "topup.wanted", 1)
  end
  return done and true, err
end

--- Does the wallet, which is locked, want money now? Part of levels.look.
---@param wallet {id: string, company: string, currency: string, balance: decimal}
---@param zone string of its company
---@return table? rule nil, nil: there is none; table? err
function orders.look(tx, wallet, zone, now)
  local rule, err = store.auto_topup(wallet.id, tx)
  if not rule or not rule.enabled then
    return rule, err
  end
  local done = true
  if wallet.balance < rule.threshold and not rule.paused then
    local may
    may, err = may_order(tx, wallet, rule, zone, now)
    done = may ~= nil
    if may then
      done, err = order(tx, wallet, rule, now)
    end
  elseif wallet.balance >= rule.threshold and rule.paused then
    done, err = store.pause_auto_topup(tx, wallet.id, false)
  end
  return done and rule or nil, err
end

--- The rule of a wallet, and what it has ordered this month.
---@return {wallet: table, rule: table?, ordered: decimal}? found, table? err
function orders.rule(id)
  local wallet, err = wallets.wallet(id)
  if not wallet then
    return nil, err
  end
  local company, rule, ordered
  company, err = identity.company(wallet.company)
  if company then
    rule, err = store.auto_topup(id)
  end
  if not err then
    ordered, err = store.ordered_since(id, orders.month(tg.time.now(), company.timezone))
  end
  return ordered and { wallet = wallet, rule = rule, ordered = ordered }, err
end

local function checked(input, wallet)
  local amount, err = wallets.payable(input.amount, wallet.currency, "/amount")
  local most <const> = input.monthly_max
  if amount and most and tg.decimal.new(most) < amount then
    return nil, errors.input("/monthly_max", "must be at least the amount: else nothing is ever topped up")
  end
  return amount, err
end

--- Sets the rule of a wallet. The failure of an order is forgotten with it.
---@param input {enabled: boolean, threshold: string, amount: string, monthly_max: string?}
---@return true?, table? err
function orders.set_rule(id, input)
  local wallet, err = wallets.wallet(id)
  local good
  if wallet then
    good, err = checked(input, wallet)
  end
  if not good then
    return nil, err
  end
  return tg.db.transaction(function(tx)
    local locked, failed = store.lock_wallet(tx, id)
    local done, before
    if locked then
      before, failed = store.auto_topup(id, tx)
    end
    if not failed then
      done, failed = store.set_auto_topup(tx, {
        company = wallet.company, wallet = id, enabled = input.enabled, threshold = input.threshold,
        amount = input.amount, monthly_max = input.monthly_max, now = tg.time.now(),
      })
    end
    if done then
      done, failed = alerts.clear(tx, alert(wallet, "wallet.topup_failed", id, {}))
    end
    if done ~= nil then
      done, failed = audit.record(tx, {
        action = "wallets.set_auto_topup", object = id, after = input,
        before = before and {
          enabled = before.enabled, threshold = tostring(before.threshold), amount = tostring(before.amount),
          monthly_max = before.monthly_max and tostring(before.monthly_max),
        },
      })
    end
    if not done then
      return nil, failed
    end
    return ledger.look_at_levels(tx, wallet.company, id)
  end)
end

--- The orders of a wallet, the newest first.
function orders.orders(id, filter)
  local wallet, err = wallets.wallet(id)
  if not wallet then
    return nil, err
  end
  return store.orders(id, filter.after and filter.after[1], filter.limit)
end

--- An order, if the caller sells to the company that wants it.
---@return table? order, table|table? wallet_or_err
function orders.from_above(id)
  local found, err = store.order(id)
  if not found then
    return nil, err or errors.not_found("order")
  end
  local wallet
  wallet, err = wallets.from_above(found.wallet, "money")
  return wallet and found, wallet or err
end

-- Closes an order under the wallet's lock: `close(tx, wallet)` when it is still wanted. What is in that state already
-- is left as it is.
local function closing(id, state, close)
  local found, wallet = orders.from_above(id)
  if not found then
    return nil, wallet
  end
  return tg.db.transaction(function(tx)
    local locked, err = store.lock_wallet(tx, wallet.id)
    local row
    if locked then
      row, err = store.order(id, tx)
    end
    if not row then
      return nil, err
    elseif row.state == state then
      audit.unchanged()
      return row
    elseif row.state ~= "wanted" then
      return nil, errors.conflict("order_closed", ("The order is %s: nothing moves it any more."):format(row.state))
    end
    local done
    done, err = alerts.clear(tx, alert(wallet, "wallet.topup_wanted", id, {}))
    if done ~= nil then
      done, err = close(tx, wallet, row)
    end
    if not done then
      return nil, err
    end
    return store.order(id, tx)
  end)
end

--- The money of an order has come in.
---@param input {reference: string, note: string?}
---@param record fun(tx: table, order: table): any, table? last thing in the transaction
---@return table? order, table? err
function orders.settle(id, input, record)
  return closing(id, "done", function(tx, wallet, row)
    local done, err = audit.record(tx, {
      action = "wallets.settle_order", object = id, before = { state = "wanted" },
      after = { state = "done", amount = tostring(row.amount), reference = input.reference, note = input.note },
    })
    if done then
      done, err = alerts.clear(tx, alert(wallet, "wallet.topup_failed", wallet.id, {}))
    end
    if done ~= nil then
      done, err = wallets.move(tx, wallet, {
        kind = "wallet.topped_up", amount = row.amount, against = "clearing",
        description = wallets.description(input),
      })
    end
    local moved <const> = done
    if moved then
      done, err = store.close_order(tx, { id = id, state = "done", entry = moved.entry.id, now = tg.time.now() })
    end
    if done then
      done, err = tell(tx, wallet, row, "topup.settled", 2)
    end
    if done then -- it may be too little
      done, err = ledger.look_at_levels(tx, wallet.company, wallet.id)
    end
    local after
    if done then
      after, err = store.order(id, tx)
    end
    if not after then
      return nil, err
    end
    return record(tx, after)
  end)
end

--- The money of an order will not come.
---@param reason string
---@return table? order, table? err
function orders.fail(id, reason)
  return closing(id, "failed", function(tx, wallet, row)
    local done, err = audit.record(tx, {
      action = "wallets.fail_order", object = id, before = { state = "wanted" },
      after = { state = "failed", reason = reason },
    })
    if done then
      done, err = store.close_order(tx, { id = id, state = "failed", reason = reason, now = tg.time.now() })
    end
    if done then
      done, err = store.pause_auto_topup(tx, wallet.id, true)
    end
    if done then
      done, err = alerts.raise(tx, alert(wallet, "wallet.topup_failed", wallet.id, {
        amount = tostring(row.amount), reason = reason, order = id,
      }))
    end
    if done == nil then
      return nil, err
    end
    return tell(tx, wallet, row, "topup.failed", 2)
  end)
end

return orders
