--- SQL of bundles, slots, activations, what nodes report, and backtests.
-- Ids of bundles are hex here and bytes in the tables. A NULL in the active slot is the release's own rules.
local page = require("core.page")

local store = {}

local PLATFORM <const> = "the rules are one for all companies: the handler lets only the platform in"
local SYSTEM <const> = "backtests of all companies are worked off by one system"

store.ROWS_MAX = 5000 -- of the shadow's totals by company

local BUNDLE <const> = [[
  SELECT LOWER(HEX(id)) AS id, LOWER(HEX(parent_id)) AS parent, author, note, hooks AS `hooks:json`, created_at
    FROM rule_bundles ]]

-- What is ASCII is compared as what was asked for, which may be anything.
local BUNDLES <const> = [[
   WHERE ({q} IS NULL OR note COLLATE utf8mb4_unicode_nopad_ci LIKE {q} ESCAPE '|'
          OR CONVERT(CONCAT(author, ' ', LOWER(HEX(id))) USING utf8mb4) LIKE {q} ESCAPE '|') ]]

-- A report may be long: a list does without.
local BACKTEST_SHORT <const> = [[
  SELECT company_id AS `owner:co`, id AS `id:bt`, LOWER(HEX(bundle_id)) AS bundle, from_time, to_time,
         JSON_VALUE(report, '$.company') AS company, state, cursor_text, events_done, events, error, set_by,
         created_at, updated_at]]
local FROM_BACKTESTS <const> = " FROM rule_backtests "
local BACKTEST <const> = BACKTEST_SHORT .. ", report AS `report:json`" .. FROM_BACKTESTS

local sql = {
  bundle = BUNDLE .. "WHERE id = {id:hex}",
  bundles = BUNDLE .. BUNDLES .. [[
    AND ({at:time} IS NULL OR created_at < {at:time} OR (created_at = {at:time} AND id < {id:hex}))
    ORDER BY created_at DESC, id DESC LIMIT {limit} OFFSET {skipped}]],
  bundles_oldest = BUNDLE .. BUNDLES .. [[
    AND ({at:time} IS NULL OR created_at > {at:time} OR (created_at = {at:time} AND id > {id:hex}))
    ORDER BY created_at, id LIMIT {limit} OFFSET {skipped}]],
  bundles_total = "SELECT COUNT(*) AS total FROM rule_bundles" .. BUNDLES,
  files = "SELECT path, source FROM rule_files WHERE bundle_id = {id:hex} ORDER BY path",
  insert_bundle = [[
    INSERT INTO rule_bundles (id, parent_id, author, note, hooks, created_at)
    VALUES ({id:hex}, {parent:hex}, {author}, {note}, {hooks:json}, {now:time})]],
  insert_file = "INSERT INTO rule_files (bundle_id, path, source) VALUES ({bundle:hex}, {path}, {source})",

  slot = [[
    SELECT revision, LOWER(HEX(bundle_id)) AS bundle, share_ppm, set_by, set_at FROM rule_slots WHERE role = {role}]],
  -- The one row that says what decides: who comes with an old revision changes nothing.
  set_active = [[
    UPDATE rule_slots SET revision = revision + 1, bundle_id = {bundle:hex}, set_by = {set_by}, set_at = {now:time}
     WHERE role = 'active' AND revision = {revision}]],
  set_candidate = [[
    UPDATE rule_slots SET revision = revision + 1, bundle_id = {bundle:hex}, share_ppm = {share_ppm},
           set_by = {set_by}, set_at = {now:time}
     WHERE role = 'candidate' AND revision = {revision}]],
  insert_activation = [[
    INSERT INTO rule_activations (revision, bundle_id, previous_id, reason, detail, gate, set_by, set_at)
    VALUES ({revision}, {bundle:hex}, {previous:hex}, {reason}, {detail}, {gate:json}, {set_by}, {now:time})]],
  activations = [[
    SELECT revision, LOWER(HEX(bundle_id)) AS bundle, LOWER(HEX(previous_id)) AS previous, reason, detail,
           gate AS `gate:json`, set_by, set_at
      FROM rule_activations WHERE {before} IS NULL OR revision < {before} ORDER BY revision DESC LIMIT {limit}]],
  nodes = [[
    SELECT node_id AS `node:node`, host, revision, LOWER(HEX(bundle_id)) AS bundle, candidate_revision,
           threads AS `threads:json`, error, started_at, seen_at
      FROM rule_nodes WHERE seen_at >= {since:time} ORDER BY host, node_id LIMIT 1000]],

  shadow_hooks = [[
    SELECT hook, CAST(SUM(same) AS SIGNED) AS same, CAST(SUM(different) AS SIGNED) AS different,
           CAST(SUM(errors) AS SIGNED) AS errors
      FROM rule_shadow_totals WHERE revision = {revision} GROUP BY hook ORDER BY hook LIMIT 1000]],
  -- The largest difference first.
  shadow_money = [[
    SELECT company, currency, CAST(SUM(same) AS SIGNED) AS same, CAST(SUM(different) AS SIGNED) AS different,
           CAST(SUM(errors) AS SIGNED) AS errors, SUM(live_amount) AS stored, SUM(candidate_amount) AS new
      FROM rule_shadow_totals WHERE revision = {revision} AND currency <> '' GROUP BY company, currency
     ORDER BY ABS(SUM(candidate_amount) - SUM(live_amount)) DESC, company, currency LIMIT {limit}]],
  shadow_deltas = [[
    SELECT deltas AS `deltas:json` FROM rule_shadow_totals
     WHERE revision = {revision} AND company = {company} AND currency = {currency} LIMIT 1000]],
  shadow_samples = [[
    SELECT hook, company, input AS `input:json`, live AS `live:json`, candidate AS `candidate:json`, error, seen_at
      FROM rule_shadow_samples WHERE revision = {revision} ORDER BY seen_at DESC LIMIT 100]],

  next_backtest = BACKTEST .. "WHERE state IN ('waiting', 'running') ORDER BY created_at, id LIMIT 1",
  begin_backtest = [[
    UPDATE rule_backtests SET state = 'running', events = {events}, updated_at = {now:time}
     WHERE company_id = {owner:id} AND id = {id:id} AND state = 'waiting']],
  -- Only from where this page began: of two that work on it by accident one writes nothing.
  advance_backtest = [[
    UPDATE rule_backtests SET state = {state}, cursor_text = {next}, events_done = {events_done},
           report = {report:json}, updated_at = {now:time}
     WHERE company_id = {owner:id} AND id = {id:id} AND state = 'running' AND cursor_text = {cursor}]],
  fail_backtest = [[
    UPDATE rule_backtests SET state = 'failed', error = {error}, updated_at = {now:time}
     WHERE company_id = {owner:id} AND id = {id:id} AND state IN ('waiting', 'running')]],
}

for name, text in pairs(sql) do
  sql[name] = { unscoped = name:find("backtest", 1, true) and SYSTEM or PLATFORM, sql = text }
end

sql.insert_backtest = [[
  INSERT INTO rule_backtests (company_id, id, bundle_id, from_time, to_time, state, report, set_by, created_at,
                              updated_at)
  VALUES ({scope}, {id:id}, {bundle:hex}, {from:time}, {to:time}, 'waiting', {report:json}, {set_by}, {now:time},
          {now:time})]]
sql.backtest = BACKTEST .. "WHERE company_id = {scope} AND id = {id:id}"
sql.backtests = BACKTEST_SHORT .. FROM_BACKTESTS .. [[
   WHERE company_id = {scope} AND ({after:id} IS NULL OR id < {after:id}) ORDER BY id DESC LIMIT {limit}]]

sql = tg.db.declare(sql)

local BYTES_AT_ONCE <const> = 1 << 20

-- Inside a transaction what is read must be read through it.
local function one(tx, statement, args)
  if tx then
    return tx:one(statement, args)
  end
  return tg.db.one(statement, args)
end

function store.bundle(id, tx)
  return one(tx, sql.bundle, { id = id })
end

---@param filter {after: {[1]: integer, [2]: string}?, skipped: integer, limit: integer}  after: created_at and id of
---  the last row shown
function store.bundles(filter)
  local after = filter.after or {}
  local args <const> = {
    at = after[1], id = after[2], limit = filter.limit, skipped = filter.skipped, q = page.pattern(filter.q),
  }
  local rows, err = tg.db.query(filter.sort == "created_at" and sql.bundles_oldest or sql.bundles, args)
  if not rows then
    return nil, err
  end
  return page.counted(rows, filter, sql.bundles_total, args)
end

---@return {path: string, source: string}[]? files by path, table? err
function store.files(id)
  return tg.db.query(sql.files, { id = id })
end

--- Writes a bundle and its files, some at a time: a bundle may be larger than what one statement may be.
---@param files {path: string, source: string}[]
---@return true?, table? err
function store.insert_bundle(tx, bundle, files)
  local done, err = tx:execute(sql.insert_bundle, bundle)
  local rows, bytes = {}, 0
  for i, file in ipairs(files) do
    rows[#rows + 1] = { bundle = bundle.id, path = file.path, source = file.source }
    bytes = bytes + #file.source
    if done and (bytes >= BYTES_AT_ONCE or i == #files) then
      done, err = tx:bulk(sql.insert_file, rows)
      rows, bytes = {}, 0
    end
  end
  if not done then
    return nil, err
  end
  return true
end

---@param role "active"|"candidate"
---@return {revision: integer, bundle: string?, share_ppm: integer, set_by: string, set_at: integer}? slot, table? err
function store.slot(role, tx)
  return one(tx, sql.slot, { role = role })
end

--- Sets the active slot, if it is still at this revision, and writes the history.
---@param change {revision: integer, bundle: string?, previous: string?, reason: string, detail: string?, gate: table?}
---@return integer? changed 0: somebody was first; table? err
function store.set_active(tx, change, actor, now)
  local args = { bundle = change.bundle, revision = change.revision, set_by = actor, now = now }
  local changed, err = tx:execute(sql.set_active, args)
  if changed ~= 1 then
    return changed, err
  end
  return tx:execute(sql.insert_activation, {
    revision = change.revision + 1, bundle = change.bundle, previous = change.previous, reason = change.reason,
    detail = change.detail or "", gate = change.gate, set_by = actor, now = now,
  })
end

---@return integer? changed 0: somebody was first; table? err
function store.set_candidate(tx, change, actor, now)
  return tx:execute(sql.set_candidate, {
    revision = change.revision, bundle = change.bundle, share_ppm = change.share_ppm, set_by = actor, now = now,
  })
end

--- The history, newest first.
---@param before integer? revision
function store.activations(before, limit)
  return tg.db.query(sql.activations, { before = before, limit = limit })
end

--- Nodes that were seen since.
function store.nodes(since)
  return tg.db.query(sql.nodes, { since = since })
end

function store.shadow_hooks(revision)
  return tg.db.query(sql.shadow_hooks, { revision = revision })
end

function store.shadow_money(revision, limit)
  return tg.db.query(sql.shadow_money, { revision = revision, limit = limit })
end

function store.shadow_deltas(revision, company, currency)
  return tg.db.query(sql.shadow_deltas, { revision = revision, company = company, currency = currency })
end

function store.shadow_samples(revision)
  return tg.db.query(sql.shadow_samples, { revision = revision })
end

function store.insert_backtest(tx, backtest)
  return tx:execute(sql.insert_backtest, backtest)
end

function store.backtest(id, tx)
  return one(tx, sql.backtest, { id = id })
end

function store.backtests(after, limit)
  return tg.db.query(sql.backtests, { after = after and after[1], limit = limit })
end

--- The oldest that is not finished: the one that runs.
function store.next_backtest(tx)
  return one(tx, sql.next_backtest)
end

function store.begin_backtest(backtest, events, now)
  return tg.db.execute(sql.begin_backtest, {
    owner = backtest.owner, id = backtest.id, events = events, now = now,
  })
end

---@param to {state: string, cursor: string, events_done: integer, report: table}
---@return integer? changed 0: somebody else has done this page; table? err
function store.advance_backtest(tx, backtest, to, now)
  return tx:execute(sql.advance_backtest, {
    owner = backtest.owner, id = backtest.id, cursor = backtest.cursor_text, state = to.state, next = to.cursor,
    events_done = to.events_done, report = to.report, now = now,
  })
end

function store.fail_backtest(tx, backtest, text, now)
  return tx:execute(sql.fail_backtest, { owner = backtest.owner, id = backtest.id, error = text, now = now })
end

return store
