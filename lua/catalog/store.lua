--- SQL of rate decks. A version's rows are written once; the deck then points to it.
local page = require("core.page")

local store = {}

local DECK_COLUMNS <const> = [[
  SELECT d.id AS `id:deck`, d.company_id AS `company:co`, d.name, d.currency, d.active_version AS version,
         d.created_at, d.updated_at, r.row_count, r.source_hash, r.report AS `report:json` ]]
local DECK_ROWS <const> = [[
  FROM company_tree t JOIN rate_decks d ON d.company_id = t.descendant_id
  LEFT JOIN rate_deck_versions r ON r.deck_id = d.id AND r.version = d.active_version
 WHERE t.ancestor_id = {scope} ]]
local DECK <const> = DECK_COLUMNS .. DECK_ROWS

local decks <const> = page.declare("decks", {
  columns = DECK_COLUMNS, id = "d.id", name = "d.name COLLATE utf8mb4_unicode_nopad_ci",
  rows = DECK_ROWS .. [[
     AND ({name} IS NULL OR d.name = {name})
     AND ({q} IS NULL OR d.name COLLATE utf8mb4_unicode_nopad_ci LIKE {q} ESCAPE '|')]],
})

local sql <const> = tg.db.declare({
  deck = DECK .. "AND d.id = {id:id}",
  -- Its owner must be the caller's company or below, and the buyer's seller or above.
  sellable = [[
    SELECT d.id AS `id:deck`, d.currency
      FROM rate_decks d JOIN company_tree t ON t.ancestor_id = {scope} AND t.descendant_id = d.company_id
      JOIN company_tree s ON s.ancestor_id = d.company_id AND s.descendant_id = {seller:id}
     WHERE d.id = {id:id}]],
  insert_deck = [[
    INSERT INTO rate_decks (company_id, id, name, currency, created_at, updated_at)
    VALUES ({scope}, {id:id}, {name}, {currency}, {now:time}, {now:time})]],
  -- EXISTS, not a join: FOR UPDATE would lock the row of the tree too, which others need to make companies.
  lock_deck = [[
    SELECT d.id AS `id:deck`, d.active_version AS version, d.updated_at
      FROM rate_decks d
     WHERE d.id = {id:id}
       AND EXISTS (SELECT 1 FROM company_tree t WHERE t.ancestor_id = {scope} AND t.descendant_id = d.company_id)
       FOR UPDATE]],
  version_by_hash = {
    unscoped = "the deck was locked through lock_deck, which is scoped",
    sql = [[
      SELECT version, row_count, report AS `report:json` FROM rate_deck_versions
       WHERE deck_id = {id:id} AND source_hash = {hash:hex} AND state = 'ready' ORDER BY version DESC LIMIT 1]],
  },
  last_version = {
    unscoped = "the deck was locked through lock_deck, which is scoped",
    sql = [[SELECT version FROM rate_deck_versions WHERE deck_id = {id:id} ORDER BY version DESC LIMIT 1]],
  },
  insert_version = {
    unscoped = "the deck was locked through lock_deck, which is scoped",
    sql = [[
      INSERT INTO rate_deck_versions (deck_id, version, state, source_hash, row_count, report, created_at)
      VALUES ({id:id}, {version}, 'ready', {hash:hex}, {row_count}, {report:json}, {now:time})]],
  },
  insert_row = {
    unscoped = "the deck was locked through lock_deck, which is scoped",
    sql = [[
      INSERT INTO rate_deck_rows (deck_id, version, row_no, prefix, name, per_minute, connect_fee, initial_s,
                                  increment_s, min_s, valid_from, valid_to, blocked, when_window, steps)
      VALUES ({deck:id}, {version}, {row_no}, {prefix}, {name}, {per_minute}, {connect_fee}, {initial_s},
              {increment_s}, {min_s}, {valid_from:time}, {valid_to:time}, {blocked}, {when_window}, {steps:json})]],
  },
  row = {
    unscoped = "a company may know the rates it was charged, whoever owns the deck",
    sql = [[
      SELECT row_no, prefix, name, per_minute, connect_fee, initial_s, increment_s, min_s, valid_from, valid_to,
             blocked AS `blocked:bool`, when_window, steps AS `steps:json`
        FROM rate_deck_rows WHERE deck_id = {deck:id} AND version = {version} AND row_no = {row_no}]],
  },
  activate = [[
    UPDATE rate_decks d JOIN company_tree t ON t.ancestor_id = {scope} AND t.descendant_id = d.company_id
       SET d.active_version = {version}, d.updated_at = {now:time} WHERE d.id = {id:id}]],
})

local ROWS_AT_ONCE <const> = 2000

--- A deck, own or below, with the report of its active version.
---@param tx table? of the transaction that is open
function store.deck(id, tx)
  if tx then
    return tx:one(sql.deck, { id = id })
  end
  return tg.db.one(sql.deck, { id = id })
end

---@param filter table of schema.deck_list
function store.decks(filter)
  return decks(filter, { name = filter.name })
end

function store.sellable(id, seller)
  return tg.db.one(sql.sellable, { id = id, seller = seller })
end

function store.insert_deck(tx, deck)
  return tx:execute(sql.insert_deck, deck)
end

function store.lock_deck(tx, id)
  return tx:one(sql.lock_deck, { id = id })
end

--- The newest version that came from a file with this hash.
function store.version_by_hash(tx, id, hash)
  return tx:one(sql.version_by_hash, { id = id, hash = hash })
end

function store.row(deck, version, row_no)
  return tg.db.one(sql.row, { deck = deck, version = version, row_no = row_no })
end

---@return integer? version, table? err
function store.next_version(tx, id)
  local row, err = tx:one(sql.last_version, { id = id })
  if err then
    return nil, err
  end
  return (row and row.version or 0) + 1
end

--- Writes a version and all its rows.
---@param version {id: string, version: integer, hash: string, row_count: integer, report: table, now: integer}
---@param parsed userdata from tg.decks.parse
---@return true?, table? err
function store.insert_version(tx, version, parsed)
  local done, err = tx:execute(sql.insert_version, version)
  if not done then
    return nil, err
  end
  for from = 1, version.row_count, ROWS_AT_ONCE do
    local rows = tg.decks.rows(parsed, from, math.min(ROWS_AT_ONCE, version.row_count - from + 1))
    for _, row in ipairs(rows) do
      row.deck, row.version = version.id, version.version
    end
    done, err = tx:bulk(sql.insert_row, rows)
    if not done then
      return nil, err
    end
  end
  return true
end

function store.activate(tx, id, version, now)
  return tx:execute(sql.activate, { id = id, version = version, now = now })
end

return store
