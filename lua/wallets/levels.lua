--- Balances that somebody wants to be told of.
--
-- A wallet has a band: the two levels around its balance. Whoever moves the balance out of it (ledger/service.lua, or
-- the engine in src/charge/levels.c) leaves a job, at most one for a wallet; nobody pays for levels that are far away.
-- The job locks the wallet, asks the rule alerts.evaluate of each level, raises and clears alerts, lets the automatic
-- top-up want what it wants, and sets the band anew. All of it is under the wallet's lock, and so is the leaving of the
-- next job: nothing is told twice, and no way is missed.
local alerts = require("alerts.service")
local audit = require("audit.service")
local errors = require("core.errors")
local identity = require("identity.service")
local jobs = require("jobs.service")
local ledger = require("ledger.service")
local orders = require("wallets.orders")
local store = require("wallets.store")
local wallets = require("wallets.service")

local levels = {}

-- The alert about a level: each has its own.
local function alert_of(wallet, amount)
  return {
    company = wallet.company, kind = "wallet.low_balance", object = ("%s:%s"):format(wallet.id, amount),
    data = {
      wallet = wallet.id, level = tostring(amount), balance = tostring(wallet.balance), currency = wallet.currency,
    },
  }
end

--- The levels of a wallet.
---@return {wallet: table, rows: table[]}? found, table? err
function levels.levels(id)
  local wallet, err = wallets.wallet(id)
  local rows
  if wallet then
    rows, err = store.levels(id)
  end
  return rows and { wallet = wallet, rows = rows }, err
end

local function key_of(amount)
  return tostring(tg.decimal.new(amount))
end

local function drop(tx, wallet, amount)
  local done, err = store.drop_level(tx, wallet.id, amount)
  if done then
    done, err = alerts.clear(tx, alert_of(wallet, amount))
  end
  return done ~= nil or nil, err
end

-- Drops what is not wanted any more, with its alert, and adds what is new. Answers what there was and what there is.
local function replace(tx, wallet, wanted)
  local rows, err = store.levels(wallet.id, tx)
  if not rows then
    return nil, err
  end
  local had, before, after = {}, tg.json.array({}), tg.json.array({})
  for i, row in ipairs(rows) do
    before[i] = key_of(row.amount)
    had[before[i]] = true
    local kept = wanted[before[i]]
    if not kept then
      kept, err = drop(tx, wallet, row.amount)
    end
    if not kept then
      return nil, err
    end
  end
  for i, key in ipairs(wanted) do
    after[i] = key
    local there = had[key]
    if not there then
      there, err = store.add_level(tx, wallet.company, wallet.id, key)
    end
    if not there then
      return nil, err
    end
  end
  return { amounts = before }, { amounts = after }
end

--- Sets the levels of a wallet.
---@param amounts string[]
---@return {wallet: table, rows: table[]}? found, table? err
function levels.set(id, amounts)
  local wallet, err = wallets.wallet(id)
  if not wallet then
    return nil, err
  end
  local wanted <const> = {}
  for i, amount in ipairs(amounts) do
    wanted[i] = key_of(amount)
    if wanted[wanted[i]] then
      return nil, errors.input(("/amounts/%d"):format(i - 1), "stands there twice")
    end
    wanted[wanted[i]] = true
  end
  local done
  done, err = tg.db.transaction(function(tx)
    local locked, failed = store.lock_wallet(tx, id)
    local before, after, recorded
    if locked then
      before, after = replace(tx, wallet, wanted)
      failed = not before and after or nil
    end
    if before then
      recorded, failed = audit.record(tx, {
        action = "wallets.set_levels", object = id, before = before, after = after,
      })
    end
    if not recorded then
      return nil, failed
    end
    return ledger.look_at_levels(tx, wallet.company, id)
  end)
  if not done then
    return nil, err
  end
  return levels.levels(id)
end

-- What the rule says of a level at this balance. When it fails the level keeps its state, and somebody is told.
local function evaluate(tx, wallet, row, now)
  local answer, err = tg.rules.call("alerts.evaluate", {
    alert = { id = alert_of(wallet, row.amount).object, direction = "below", threshold = row.amount },
    value = wallet.balance, at = now, state = { firing = row.firing, run = row.run, since = row.since },
  })
  if answer then
    return answer
  elseif err.code == "busy" then -- it is being loaded: the job comes back
    return nil, err
  end
  local told, failed = alerts.raise(tx, {
    company = wallet.company, kind = "alerts.rule_failed", object = "alerts.evaluate",
    data = { error = err.detail, wallet = wallet.id },
  })
  return told ~= nil and {} or nil, failed
end

local function look_at(tx, wallet, row, now)
  local answer, err = evaluate(tx, wallet, row, now)
  if not answer then
    return nil, err
  elseif not answer.state then
    return true
  end
  local done
  done, err = store.note_level(tx, wallet.id, row.amount, answer.state)
  if done and answer.event == "fired" then
    done, err = alerts.raise(tx, alert_of(wallet, row.amount))
  elseif done and answer.event == "cleared" then
    done, err = alerts.clear(tx, alert_of(wallet, row.amount))
  end
  return done ~= nil or nil, err
end

-- The two of `bounds` between which the balance is: it may be the lower, and is below the upper.
local function band(bounds, balance)
  local below, above
  for _, bound in ipairs(bounds) do
    if bound <= balance then
      below = (below == nil or bound > below) and bound or below
    else
      above = (above == nil or bound < above) and bound or above
    end
  end
  return below, above
end

--- Looks at a wallet whose balance has left its band, or whose levels have changed.
---@param id string
---@param job {id: string} that asks for it
---@return true?, table? err
function levels.look(id, job)
  local wallet, err = wallets.wallet(id)
  local company
  if wallet then
    company, err = identity.company(wallet.company)
  end
  if not company then
    return nil, err
  end
  return tg.db.transaction(function(tx)
    local now, bounds = tg.time.now(), {}
    local locked, failed = store.lock_wallet(tx, id)
    local rows, done
    if locked then
      wallet.balance = locked.balance
      done, failed = jobs.free_key(tx, job)
    end
    if done then
      rows, failed = store.levels(id, tx)
    end
    for i, row in ipairs(rows or {}) do
      bounds[i] = row.amount
      done, failed = look_at(tx, wallet, row, now)
      if not done then
        return nil, failed
      end
    end
    local rule
    if rows then
      rule, failed = orders.look(tx, wallet, company.timezone, now)
    end
    if failed then
      return nil, failed
    elseif rule and rule.enabled then
      bounds[#bounds + 1] = rule.threshold
    end
    return store.set_band(tx, id, band(bounds, wallet.balance))
  end)
end

levels.band = band -- for its spec

return levels
