--- Double entry, for features: posts entries inside the transaction of whatever they are for.
--
-- The ledger engine (src/charge) locks wallets all the time, and passes over one that somebody else holds. So that its
-- company's calls wait for a moment and no longer, a feature posts last: whatever else it writes comes before, and
-- after it only what depends on what was posted (an answer to be kept, an event to be told). It also reads nothing in
-- the same transaction before, unless FOR UPDATE: see ledger/store.lua.
local accounts = require("ledger.accounts")
local credits = require("ledger.credits")
local jobs = require("jobs.service")
local store = require("ledger.store")

local service = {}

local ZERO <const> = tg.decimal.new(0)

---@class (exact) ledger.Entry
---@field company string
---@field currency string
---@field kind string noun.past_tense: wallet.topped_up
---@field legs {account: string, amount: decimal|string}[] two or more, of ledger/accounts.lua; they sum to zero. At
---  most one is of the wallet; what leaves it is drawn from credits first
---@field description string?
---@field operation string? op_…, that caused it
---@field credit {id: string, kind: "promotion"|"prepaid", priority: integer, expires_at: integer?, note: string}? what
---  comes into the wallet is this credit

---@class (exact) ledger.Wallet
---@field id string
---@field company string
---@field currency string
---@field balance decimal
---@field credit_limit decimal
---@field held decimal
---@field available decimal
---@field version integer

-- What is wrong with an entry is a bug of whoever posts it.
local function checked(entry)
  local sum, legs, wallet = ZERO, {}, nil
  for i, leg in ipairs(entry.legs) do
    assert(accounts[leg.account], "there is no account " .. tostring(leg.account))
    local amount = tg.decimal.new(leg.amount)
    sum = sum + amount
    legs[i] = { account = leg.account, amount = amount }
    if leg.account == "wallet" then
      assert(wallet == nil, "an entry moves one wallet")
      wallet = amount
    end
  end
  assert(#legs >= 2 and sum == ZERO, "the legs of an entry sum to zero")
  assert(entry.credit == nil or (wallet and wallet > ZERO), "a credit is what comes into a wallet")
  return legs, wallet
end

local function key_of(entry)
  return entry.company .. " " .. entry.currency
end

-- The wallets of the entries, locked in the order of their ids, as the engine does; by company and currency.
local function lock(tx, entries, now)
  local ids, key_by_id, wallets = {}, {}, {}
  for _, entry in ipairs(entries) do
    local key = key_of(entry)
    if entry.moved and not wallets[key] then
      local id, err = store.wallet_of(tx, entry.company, entry.currency, now)
      if not id then
        return nil, err
      end
      wallets[key], key_by_id[id], ids[#ids + 1] = true, key, id
    end
  end
  table.sort(ids)
  for _, id in ipairs(ids) do
    local wallet, err = store.take_wallet(tx, id)
    if not wallet then
      return nil, err
    end
    wallets[key_by_id[id]] = wallet
  end
  return wallets
end

local function write_draws(tx, entry, id, draws)
  if not draws[1] then
    return true
  end
  for _, draw_of in ipairs(draws) do
    draw_of.company, draw_of.entry = entry.company, id
  end
  return store.draw(tx, draws)
end

-- What leaves the wallet is drawn from its credits.
local function draw(tx, entry, id, wallet)
  local draws = entry.draws
  if not draws and entry.moved < ZERO and wallet.credits then
    draws = credits.draw(wallet.credits, -entry.moved)
  end
  return write_draws(tx, entry, id, draws or {})
end

local function grant(tx, entry, id, wallet, now)
  local credit = entry.credit
  if not credit then
    return true
  end
  wallet.has_credits, wallet.granted = 1, true
  return store.insert_credit(tx, {
    company = entry.company, id = credit.id, wallet = wallet.id, kind = credit.kind, priority = credit.priority,
    amount = entry.moved, expires_at = credit.expires_at, note = credit.note, entry = id, now = now,
  })
end

local function write_entry(tx, entry, wallet, now)
  local id, postings = tg.id.new("ent"), {}
  if entry.moved then
    wallet.balance, wallet.version = wallet.balance + entry.moved, wallet.version + 1
  end
  for i, leg in ipairs(entry.legs) do
    local is_wallet = leg.account == "wallet"
    postings[i] = {
      company = entry.company, entry = id, leg = i - 1, account = leg.account, wallet = is_wallet and wallet.id or nil,
      currency = entry.currency, amount = leg.amount, balance_after = is_wallet and wallet.balance or nil,
    }
  end
  local done, err = store.insert_entry(tx, {
    company = entry.company, id = id, kind = entry.kind, operation = entry.operation,
    description = entry.description or "", now = now,
  }, postings)
  if done and entry.moved then
    done, err = draw(tx, entry, id, wallet)
  end
  if done and entry.moved then
    done, err = grant(tx, entry, id, wallet, now)
  end
  return done and id, err
end

--- Sees to it that the levels of a wallet are looked at (lua/wallets/jobs.lua). There is one such job a wallet.
---@return true?, table? err
function service.look_at_levels(tx, company, wallet)
  local added, err = jobs.enqueue(tx, {
    company = company, handler = "wallets.jobs:levels", arguments = { company = company, wallet = wallet },
    unique_key = "levels:" .. wallet,
  })
  return added ~= nil or nil, err
end

-- A balance that leaves the band between two levels (src/charge/levels.h does the same).
local function has_left_band(wallet)
  local below, above = wallet.alert_below, wallet.alert_above
  return (below ~= nil and wallet.balance < below) or (above ~= nil and wallet.balance >= above)
end

-- Takes what is over of a wallet's credits out of it. The rest is kept with it, to be drawn from.
local function break_expired(tx, wallet, now)
  if wallet.has_credits == 0 then
    return ZERO
  end
  local list, err = store.credits_left(tx, wallet.id)
  if not list then
    return nil, err
  end
  wallet.credits = list
  local draws, total = credits.expire(list, wallet.balance + wallet.credit_limit - wallet.held, now)
  if total > ZERO then
    local id
    id, err = write_entry(tx, {
      company = wallet.company, currency = wallet.currency, kind = "credit.expired", moved = -total, draws = draws,
      legs = { { account = "wallet", amount = -total }, { account = "breakage", amount = total } },
    }, wallet, now)
    if not id then
      return nil, err
    end
  end
  return total
end

-- Credits may have been used up since has_credits was written.
local function note_credits(wallet)
  if wallet.credits then
    wallet.has_credits = wallet.granted and 1 or 0
    for _, credit in ipairs(wallet.credits) do
      if credit.remaining > ZERO then
        wallet.has_credits = 1
      end
    end
  end
end

local function write_wallet(tx, wallet)
  note_credits(wallet)
  local done, err = store.write_wallet(tx, wallet)
  if done and has_left_band(wallet) then
    done, err = service.look_at_levels(tx, wallet.company, wallet.id)
  end
  wallet.available = wallet.balance + wallet.credit_limit - wallet.held
  return done, err
end

-- Writes entries, and the wallets that they moved; answers an id and a wallet for each.
local function write(tx, entries, wallets, now)
  for _, wallet in pairs(wallets) do
    local total, err = break_expired(tx, wallet, now)
    if not total then
      return nil, err
    end
  end
  local posted = {}
  for i, entry in ipairs(entries) do
    local wallet = wallets[key_of(entry)]
    local id, err = write_entry(tx, entry, wallet, now)
    if not id then
      return nil, err
    end
    posted[i] = { id = id, at = now, wallet = entry.moved and wallet or nil }
  end
  for _, wallet in pairs(wallets) do
    local done, err = write_wallet(tx, wallet)
    if not done then
      return nil, err
    end
  end
  return posted
end

--- Posts entries: the last thing in a transaction (see above). A wallet that is missing is made.
---@param tx table
---@param entries ledger.Entry[]
---@return {id: string, at: integer, wallet: ledger.Wallet?}[]? posted of each entry; the wallet after all of them
---@return table? err
function service.post(tx, entries)
  local now, copies = tg.time.now(), {}
  for i, entry in ipairs(entries) do
    local copy = setmetatable({}, { __index = entry })
    copy.legs, copy.moved = checked(entry)
    copies[i] = copy
  end
  local wallets, err = lock(tx, copies, now)
  if not wallets then
    return nil, err
  end
  return write(tx, copies, wallets, now)
end

--- Takes what is over of a wallet's credits out of it, except what open calls need. Posts, as service.post does.
---@param tx table
---@param wallet_id string
---@return ledger.Wallet|false|nil wallet after it; false: there was nothing to take
---@return decimal|table? total_or_err
function service.expire_credits(tx, wallet_id)
  local wallet, err = store.take_wallet(tx, wallet_id)
  if err then
    return nil, err
  elseif not wallet then
    return false
  end
  local total, done
  total, err = break_expired(tx, wallet, tg.time.now())
  if not total then
    return nil, err
  elseif total == ZERO then
    return false
  end
  done, err = write_wallet(tx, wallet)
  return done and wallet, done and total or err
end

return service
