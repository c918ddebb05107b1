--- A wallet's account of a time: what was there, what moved it, what was there at the end; exact, and it adds up.
-- The time of an entry is that of its id, to the millisecond.
local errors = require("core.errors")
local store = require("wallets.store")
local wallets = require("wallets.service")

local statement = {}

local DAY_US <const> = 86400 * 1000000
local DAYS <const> = 31
local DAYS_MAX <const> = 366

-- The first id of an instant.
local function id_at(us)
  local ms <const> = (math.max(us, 0) + 999) // 1000
  return tg.id.format(string.pack(">I6", ms) .. ("\0"):rep(10), "ent")
end

-- What is in the time, by kind, and the sum of it and of what came later.
local function fold(rows)
  local kinds, within, later = {}, tg.decimal.new(0), tg.decimal.new(0)
  for _, row in ipairs(rows) do
    if row.is_later then
      later = later + row.amount
    else
      within = within + row.amount
      kinds[#kinds + 1] = row
    end
  end
  return kinds, within, later
end

--- Makes one.
---@param filter {from: integer?, to: integer?} half open; the last 31 days
---@return {wallet: table, from: integer, to: integer, opening: decimal, closing: decimal, kinds: table[]}? made
---@return table? err
function statement.of(id, filter)
  local to <const> = filter.to or tg.time.now()
  local from <const> = filter.from or math.max(to - DAYS * DAY_US, 0)
  local wallet, err = wallets.wallet(id)
  if not wallet then
    return nil, err
  elseif from >= to then
    return nil, errors.input("?to", "must be after from")
  elseif to - from > DAYS_MAX * DAY_US then
    return nil, errors.input("?from", ("must be at most %d days before to"):format(DAYS_MAX))
  end
  return tg.db.transaction(function(tx) -- both are read of one moment
    local now, failed = store.wallet(id, tx)
    local rows
    if now then
      rows, failed = store.sums_by_kind(tx, id, id_at(from), id_at(to))
    end
    if not rows then
      return nil, failed
    end
    local kinds, within, later = fold(rows)
    local closing <const> = now.balance - later
    return { wallet = now, from = from, to = to, opening = closing - within, closing = closing, kinds = kinds }
  end)
end

--- The same for a spreadsheet. Kinds, amounts and instants need no quotes.
---@param made table
---@return string
function statement.csv(made)
  local lines = { "kind,entries,events,amount,currency" }
  local currency <const> = made.wallet.currency
  local function add(kind, entries, events, amount)
    lines[#lines + 1] = ("%s,%s,%s,%s,%s"):format(kind, entries, events, amount, currency)
  end
  add("opening_balance", "", "", made.opening)
  for _, row in ipairs(made.kinds) do
    add(row.kind, row.entries, row.events, row.amount)
  end
  add("closing_balance", "", "", made.closing)
  return table.concat(lines, "\r\n") .. "\r\n"
end

return statement
