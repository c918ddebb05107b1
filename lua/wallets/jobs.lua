--- The jobs about wallets.
local jobs = require("jobs.service")
local ledger = require("ledger.service")
local levels = require("wallets.levels")
local store = require("wallets.store")

local handlers = {}

local SECOND <const> = 1000000
local EXPIRED_FOR <const> = 7 * 86400 * SECOND
local AT_ONCE <const> = 200
local SWEPT_MAX <const> = 1000
local STOP_AFTER <const> = 5 * SECOND

jobs.every({ name = "wallets.expire_credits", handler = "wallets.jobs:expire_credits", every_s = 60 })

--- Takes back what is left of credits that have ended. Whoever moves a wallet does so too, so what could not be taken
--- for a week (an open call or a debt needed it) is left to them.
function handlers.expire_credits()
  local now = tg.time.now()
  local rows, err = store.wallets_with_expired(now - EXPIRED_FOR, now, AT_ONCE)
  for _, row in ipairs(rows or {}) do
    local taken
    taken, err = tg.db.transaction(function(tx)
      return ledger.expire_credits(tx, row.id)
    end)
    if taken == nil then
      return nil, err
    elseif tg.time.now() - now > STOP_AFTER then
      break
    end
  end
  return rows and true, err
end

--- A balance has left its band, or the levels have changed.
---@param arguments {wallet: string}
---@param job {id: string}
function handlers.levels(arguments, job)
  return levels.look(arguments.wallet, job)
end

-- A month that is new lets wallets want money that could not before. And a job that was given up left a balance outside
-- its band.
jobs.every({ name = "wallets.sweep", handler = "wallets.jobs:sweep", every_s = 900 })

function handlers.sweep()
  local rows, err = store.wallets_to_look_at(SWEPT_MAX)
  for _, row in ipairs(rows or {}) do
    local done
    done, err = ledger.look_at_levels(nil, row.company, row.id)
    if not done then
      return nil, err
    end
  end
  return rows and true, err
end

return handlers
