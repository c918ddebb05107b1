--- SQL of the chains: what is sealed, and the links. Nothing is ever changed here.
local store = {}

local SYSTEM <const> = "what all companies have written is sealed by one system"

-- Companies with rows behind their last link, which is given, who has waited longest first. Both sides are read from
-- the ends of an index, a company at a time.
local function unsealed(rows, chain, prefix)
  return {
    unscoped = SYSTEM,
    sql = ([[
      SELECT g.company_id AS `company:co`, c.seq, c.last_id AS `last:%s`, c.hash
        FROM (SELECT company_id, MAX(id) AS last_id FROM %s GROUP BY company_id) g
        LEFT JOIN (SELECT company_id, MAX(seq) AS seq FROM %s GROUP BY company_id) s ON s.company_id = g.company_id
        LEFT JOIN %s c ON c.company_id = s.company_id AND c.seq = s.seq
       WHERE c.last_id IS NULL OR c.last_id < g.last_id
       ORDER BY c.last_id LIMIT {limit}]]):format(prefix, rows, chain, chain),
  }
end

local function insert_link(chain)
  return {
    unscoped = SYSTEM,
    sql = ([[
      INSERT INTO %s (company_id, seq, first_id, last_id, n, hash, at)
      VALUES ({company:id}, {seq}, {first:id}, {last:id}, {n}, {hash:hex}, {now:time})]]):format(chain),
  }
end

local sql <const> = tg.db.declare({
  audit_unsealed = unsealed("audit_log", "audit_chain", "aud"),
  audit_insert_link = insert_link("audit_chain"),
  -- Waits for whoever has written a row there and not committed: what is sealed has nothing missing.
  audit_rows = {
    unscoped = SYSTEM,
    sql = [[
      SELECT HEX(company_id) AS company, id AS `last:aud`, HEX(id) AS id, CAST(at AS CHAR) AS at, actor,
             HEX(session_id) AS session, address, request_id, action, object, outcome, before_state AS `before`,
             after_state AS `after`
        FROM audit_log
       WHERE company_id = {company:id} AND ({after:id} IS NULL OR id > {after:id}) AND id < {to:id}
       ORDER BY id LIMIT {limit} LOCK IN SHARE MODE]],
  },

  ledger_unsealed = unsealed("ledger_entries", "ledger_chain", "ent"),
  ledger_insert_link = insert_link("ledger_chain"),
  -- What belongs to an entry is one text each. Read without a lock: it is there with its entry or not at all.
  ledger_rows = {
    unscoped = SYSTEM,
    sql = [[
      SELECT HEX(e.company_id) AS company, e.id AS `last:ent`, HEX(e.id) AS id, e.kind,
             HEX(e.operation_id) AS operation, CAST(e.event_count AS CHAR) AS events, e.description,
             CAST(e.created_at AS CHAR) AS at,
             (SELECT GROUP_CONCAT(CONCAT_WS(' ', p.leg, p.account, COALESCE(HEX(p.wallet_id), '-'), p.currency,
                                            p.amount, COALESCE(p.balance_after, '-')) ORDER BY p.leg)
                FROM ledger_postings p WHERE p.company_id = e.company_id AND p.entry_id = e.id) AS postings,
             (SELECT GROUP_CONCAT(CONCAT_WS(' ', HEX(d.credit_id), d.amount) ORDER BY d.credit_id)
                FROM credit_draws d WHERE d.company_id = e.company_id AND d.entry_id = e.id) AS draws
        FROM ledger_entries e
       WHERE e.company_id = {company:id} AND ({after:id} IS NULL OR e.id > {after:id}) AND e.id < {to:id}
       ORDER BY e.id LIMIT {limit}]],
  },
})

---@param chain string "audit" or "ledger"
---@return {company: string, seq: integer?, last: string?, hash: string?}[]? rows, table? err
function store.unsealed(chain, limit)
  return tg.db.query(sql[chain .. "_unsealed"], { limit = limit })
end

---@param after string? sealed already
---@param to string the first that is too young
function store.rows(chain, company, after, to, limit)
  return tg.db.query(sql[chain .. "_rows"], { company = company, after = after, to = to, limit = limit })
end

--- All of them or none.
function store.insert_links(chain, links)
  return tg.db.bulk(sql[chain .. "_insert_link"], links)
end

return store
