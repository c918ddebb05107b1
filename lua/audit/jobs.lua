--- Seals the log: every minute each company's new rows get a link of its chain.
-- An id is made just before its row is inserted, so of rows older than the margin none is still on its way to the
-- database; one that was inserted and not committed is waited for by the lock that the reading takes. So no row comes
-- to stand in front of the end of the chain, and one that does was put there by hand: `tollgate audit verify` finds it.
local chain = require("audit.chain")
local errors = require("core.errors")
local jobs = require("jobs.service")
local service = require("audit.service")
local store = require("audit.store")

local handlers = {}

local MARGIN <const> = 60 * 1000000 -- as far as clocks of nodes, and a statement on its way, may be behind
local STOP_AFTER <const> = 5 * 1000000
local ROWS_A_LINK <const> = 500
local COMPANIES <const> = 500

jobs.every({ name = "audit.seal", handler = "audit.jobs:seal", every_s = 60 })

-- One link. true: there may be more; false: all is sealed.
local function add_link(tx, company, to, now)
  local last, err = store.last_link(tx, company)
  if err then
    return nil, err
  end
  local rows
  rows, err = store.rows_to_seal(tx, company, last and last.last, to, ROWS_A_LINK)
  if not rows then
    return nil, err
  elseif not rows[1] then
    return false
  end
  local link = {
    company = company, seq = (last and last.seq or 0) + 1, first = rows[1].last, last = rows[#rows].last, n = #rows,
    now = now,
  }
  link.hash = tg.crypto.hex(chain.hash(last and last.hash or chain.BEGINNING, rows[1].company, link.seq, rows))
  local done
  done, err = store.insert_link(tx, link)
  if not done then
    return nil, err
  end
  tg.log.info("audit_sealed", { company = company, seq = link.seq, rows = link.n, hash = link.hash })
  return #rows == ROWS_A_LINK
end

-- Another node may seal at the same moment: the number of the link is taken once.
local function seal(company, to, now)
  local more, err
  repeat
    more, err = tg.db.transaction(function(tx)
      return add_link(tx, company, to, now)
    end)
  until not more or tg.time.now() - now > STOP_AFTER
  if errors.is_duplicate(err) then
    return true
  end
  return err == nil or nil, err
end

--- Seals what is older than the margin.
function handlers.seal()
  local now = tg.time.now()
  local to = service.id_at(now - MARGIN)
  local companies, err = store.unsealed_companies(COMPANIES)
  for _, row in ipairs(companies or {}) do
    local done
    done, err = seal(row.company, to, now)
    if not done or tg.time.now() - now > STOP_AFTER then
      break
    end
  end
  return err == nil or nil, err
end

return handlers
