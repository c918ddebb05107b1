--- Chains: what is written once and never changed is sealed, link by link, for each company.
-- The hash of a link is SHA-256 over the hash of the link before (32 zero bytes in front of the first), then the
-- company and the number of the link, then the rows in the order of their ids, each by its fields. A field is written
-- as "<bytes>:<text>", a NULL as "-". `tollgate audit verify` and `tollgate ledger verify` (src/charge/chain.c) compute
-- the same.
--
-- No row may come to stand in front of the end of its chain; one that does was put there by hand, and is found. So what
-- is younger than the margin is left for the next time: an id is made shortly before its row is inserted, and clocks
-- differ. What was inserted into the audit log and not committed is waited for. The ledger's entries come in the order
-- of their ids however long a transaction takes, because an id is made under the lock of the wallet it is for.
local errors = require("core.errors")
local store = require("chains.store")

local service = {}

service.BEGINNING = ("\0"):rep(32)

-- What is hashed of a row, in this order.
local CHAINS <const> = {
  audit = {
    prefix = "aud", log = "audit_sealed",
    fields = {
      "id", "at", "actor", "session", "address", "request_id", "action", "object", "outcome", "before", "after",
    },
  },
  ledger = {
    prefix = "ent", log = "ledger_sealed",
    fields = { "id", "kind", "operation", "events", "description", "at", "postings", "draws" },
  },
}

local MARGIN <const> = 60 * 1000000 -- as far as clocks of nodes, and a statement on its way, may be behind
local STOP_AFTER <const> = 5 * 1000000
local ROWS_A_LINK <const> = 500
local LINKS_AT_ONCE <const> = 100
local COMPANIES <const> = 1000

local function field(text)
  return text and ("%d:%s"):format(#text, text) or "-"
end

--- The hash that follows `before`.
---@param chain string "audit" or "ledger"
---@param before string 32 bytes
---@param company string 32 hexadecimal digits
---@param seq integer of the link
---@param rows table<string, string?>[] fields as text, ids as upper-case hexadecimal digits
---@return string hash 32 bytes
function service.hash(chain, before, company, seq, rows)
  local fields <const> = CHAINS[chain].fields
  local parts = { before, field(company), field(tostring(seq)) }
  for _, row in ipairs(rows) do
    for _, name in ipairs(fields) do
      parts[#parts + 1] = field(row[name])
    end
  end
  return tg.crypto.sha256(table.concat(parts))
end

--- The first id of a millisecond.
---@param us integer
---@param prefix string
function service.id_at(us, prefix)
  return tg.id.format(string.pack(">I6", us // 1000) .. ("\0"):rep(10), prefix)
end

-- Writes what has been sealed. Another node may seal at the same moment: the number of a link is taken once.
local function keep(run, at_least)
  local links = run.links
  if #links < at_least then
    return true
  end
  run.links = {}
  local done, err = store.insert_links(run.chain, links)
  if errors.is_duplicate(err) then
    run.is_over, run.is_elsewhere = true, true
    return true
  elseif not done then
    return nil, err
  end
  for _, link in ipairs(links) do
    tg.log.info(CHAINS[run.chain].log, { company = link.company, seq = link.seq, rows = link.n, hash = link.hash })
  end
  return true
end

-- The link behind `last`. The new one; false: all is sealed.
local function add_link(run, company, last)
  local rows, err = store.rows(run.chain, company, last.last, run.to, ROWS_A_LINK)
  if not rows then
    return nil, err
  elseif not rows[1] then
    return false
  end
  local seq <const> = (last.seq or 0) + 1
  local hash <const> = service.hash(run.chain, last.hash or service.BEGINNING, rows[1].company, seq, rows)
  run.links[#run.links + 1] = {
    company = company, seq = seq, first = rows[1].last, last = rows[#rows].last, n = #rows, now = run.now,
    hash = tg.crypto.hex(hash),
  }
  return { seq = seq, last = rows[#rows].last, hash = hash, is_full = #rows == ROWS_A_LINK }
end

local function seal_company(run, last)
  local link = last
  repeat
    local err
    link, err = add_link(run, last.company, link)
    if not link then
      return err == nil or nil, err
    end
    local kept
    kept, err = keep(run, LINKS_AT_ONCE)
    if not kept then
      return nil, err
    end
    run.is_over = run.is_over or tg.time.now() - run.now > STOP_AFTER
  until run.is_over or not link.is_full
  return true
end

--- Seals what is older than the margin. A company that cannot be sealed now keeps no other waiting.
---@param chain string "audit" or "ledger"
---@return boolean? more time was over before all was sealed, and nobody else is at it
---@return table? err
function service.seal(chain)
  local now <const> = tg.time.now()
  local run = { chain = chain, now = now, to = service.id_at(now - MARGIN, CHAINS[chain].prefix), links = {} }
  local companies, err = store.unsealed(chain, COMPANIES)
  if not companies then
    return nil, err
  end
  local failure
  for _, last in ipairs(companies) do
    local done
    done, err = seal_company(run, last)
    failure = failure or not done and err or nil
    if run.is_over then
      break
    end
  end
  local kept
  kept, err = keep(run, 1)
  if not kept or failure then
    return nil, failure or err
  end
  return not run.is_elsewhere and (run.is_over or #companies == COMPANIES)
end

return service
