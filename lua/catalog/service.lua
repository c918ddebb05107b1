--- Rate decks: price lists by number prefix, loaded from CSV files.
-- Report, then accept: a file with damaged rows loads nothing until somebody has said, of this very file, that the
-- rest will do. The same file again is the same version, so a load can be repeated without harm.
local audit = require("audit.service")
local errors = require("core.errors")
local etag = require("core.etag")
local operations = require("operations.service")
local store = require("catalog.store")

local service = {}

function service.deck(id)
  local row, err = store.deck(id)
  if err then
    return nil, err
  end
  if not row then
    return nil, errors.not_found("rate deck")
  end
  return row
end

function service.decks(filter)
  return store.decks(filter)
end

--- A deck that `seller` may charge its children by, if the caller sees it; nil, nil when it is none.
function service.sellable(id, seller)
  return store.sellable(id, seller)
end

--- Rows of a deck version, by their numbers: what lines of usage were charged by. Not scoped: a company may know the
-- rates it was charged, whoever owns the deck. The caller must have found the usage through its own scope.
---@param deck string
---@param version integer
---@param numbers integer[]
---@return table[]? rows, table? err
function service.rates_charged(deck, version, numbers)
  local rows = {}
  for _, number in ipairs(numbers) do
    local row, err = store.row(deck, version, number)
    if err then
      return nil, err
    end
    rows[#rows + 1] = row
  end
  return rows
end

--- Creates an empty deck of the caller's company.
---@param record fun(tx: table, row: table): any, table? last thing in the transaction that creates it
function service.create_deck(input, record)
  local deck = { id = tg.id.new("deck"), name = input.name, currency = input.currency, now = tg.time.now() }
  return tg.db.transaction(function(tx)
    local done, err = store.insert_deck(tx, deck)
    if errors.is_duplicate(err) then
      return nil, errors.conflict("deck_exists", ("There is a rate deck named %s."):format(input.name))
    end
    if not done then
      return nil, err
    end
    local recorded = audit.recorder({ action = "catalog.create_deck", after = input }, record)
    return operations.finish(tx, recorded, store.deck(deck.id, tx))
  end)
end

local function report_of(parsed)
  local first = tg.json.array({})
  for i, row in ipairs(parsed.first_rejected) do
    first[i] = { row = row.row, prefix = row.prefix_text, reason = row.reason, detail = row.detail }
  end
  return {
    rows = parsed.rows, priced = parsed.priced, blocked = parsed.blocked, rejected = parsed.rejected,
    first_rejected = first,
  }
end

local function no_rows(first)
  local why <const> = first and (" Row %d: %s."):format(first.row, first.detail) or ""
  return errors.refused("deck_has_no_rows", "The file has no row that could be loaded." .. why)
end

-- What to say to accept a report: it names this file's content for this deck, and nothing else.
local function report_id(id, hash)
  return "rep_" .. tg.crypto.hex(tg.crypto.sha256(id .. "\n" .. hash)):sub(1, 32)
end

-- Inside the transaction that holds the deck: finds the version of this file or writes it, and points the deck to it.
local function load(tx, id, hash, parsed, report, as)
  local deck, err = store.lock_deck(tx, id)
  if not deck then
    return nil, err or errors.not_found("rate deck")
  end
  local same_state
  same_state, err = etag.check(deck, as)
  if not same_state then
    return nil, err
  end
  local known
  known, err = store.version_by_hash(tx, id, hash)
  if err then
    return nil, err
  end
  if known and known.version == deck.version then
    audit.unchanged()
    return { version = known.version, changed = false, updated_at = deck.updated_at }
  end
  local now, version = tg.time.now(), known and known.version
  if not version then
    version, err = store.next_version(tx, id)
    local done
    if version then
      done, err = store.insert_version(tx, {
        id = id, version = version, hash = hash, row_count = parsed.priced + parsed.blocked, report = report, now = now,
      }, parsed.parsed)
    end
    if not done then
      return nil, err
    end
  end
  local done
  done, err = store.activate(tx, id, version, now)
  if done then
    done, err = audit.record(tx, {
      action = "catalog.put_rates", object = id, before = { version = deck.version },
      after = {
        version = version, file_sha256 = hash, rows = report.priced + report.blocked, rejected = report.rejected,
      },
    })
  end
  if not done then
    return nil, err
  end
  return { version = version, changed = true, updated_at = now }
end

--- Loads a file of rates.
---@param id string of the deck
---@param file userdata tg.bytes: the CSV
---@param accept {report: string?, any: boolean} what the caller says of damaged rows
---@param as integer? the updated_at that the deck must have
---@return table? result {deck, version, changed, report, updated_at}; or {report_id, report}, to be accepted
---@return table? err
function service.load_rates(id, file, accept, as)
  local deck, err = service.deck(id) -- before megabytes are parsed for a deck that is not there
  local same_state
  if deck then
    same_state, err = etag.check(deck, as)
  end
  if not same_state then
    return nil, err
  end
  local parsed
  parsed, err = tg.decks.parse(file)
  if not parsed then
    return nil, err
  end
  local report, hash = report_of(parsed), tg.crypto.hex(parsed.sha256)
  if report.priced + report.blocked == 0 then
    return nil, no_rows(report.first_rejected[1])
  end
  local expected = report_id(id, hash)
  if accept.report and accept.report ~= expected then
    return nil, errors.conflict("report_does_not_match", "The report that is accepted is not one of this file.")
  elseif report.rejected > 0 and not accept.report and not accept.any then
    return { deck = id, report_id = expected, report = report }
  end
  local result
  result, err = tg.db.transaction(function(tx)
    return load(tx, id, hash, parsed, report, as)
  end)
  if not result then
    return nil, err
  end
  result.deck, result.report = id, report
  return result
end

--- The row of the deck's active version that prices a number at an instant.
---@return {deck: table, at: integer, row: table?}? found, table? err
function service.lookup(id, digits, at)
  local deck, err = service.deck(id)
  if not deck then
    return nil, err
  end
  at = at or tg.time.now()
  if deck.version == 0 then
    return { deck = deck, at = at }
  end
  local row
  row, err = tg.decks.lookup(id, deck.version, digits, at)
  if err then
    return nil, err
  end
  if row then
    row, err = store.row(id, deck.version, row.row_no) -- as it was loaded, with its name
    if err then
      return nil, err
    end
  end
  return { deck = deck, at = at, row = row }
end

return service
