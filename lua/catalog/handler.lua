--- Requests about rate decks.
local errors = require("core.errors")
local etag = require("core.etag")
local operations = require("operations.service")
local page = require("core.page")
local request = require("core.request")
local schema = require("catalog.schema")
local service = require("catalog.service")
local show = require("core.show")
local v = require("core.validate")

local handler = {}

local function show_deck(row)
  return {
    id = row.id, company = row.company, name = row.name, currency = row.currency, version = row.version,
    rows = row.row_count or 0, report = show.or_null(row.report),
    created_at = show.time(row.created_at), updated_at = show.time(row.updated_at),
  }
end

local CREATED <const> = { status = 201, show = show_deck, place = "/v1/rate-decks/" }

--- POST /v1/rate-decks
function handler.create_deck(req)
  local input, err = request.body(req, schema.deck_create)
  if not input then
    return nil, err
  end
  return operations.make(req, "POST /v1/rate-decks", CREATED, function(record)
    return service.create_deck(input, record)
  end)
end

--- GET /v1/rate-decks
function handler.decks(req)
  local query, limit = request.list(req, schema.deck_list, { "deck" })
  if not query then
    return nil, limit
  end
  local rows, err = service.decks(query)
  if not rows then
    return nil, err
  end
  return 200, page.answer(rows, limit, show_deck, page.key_of(query))
end

--- GET /v1/rate-decks/{id}
function handler.deck(req)
  local id, err = v.path_id(req.params.id, "deck", "rate deck")
  if not id then
    return nil, err
  end
  local deck
  deck, err = service.deck(id)
  if not deck then
    return nil, err
  end
  return 200, show_deck(deck), etag.headers(deck)
end

-- A report that waits for its acceptance is a problem document with two members more.
local function damaged(req, result)
  local detail <const> = "%d of %d rows are damaged and nothing was loaded. "
    .. "Send the file again with ?accept=%s to load the others."
  return 422, {
    type = "https://tollgate.dev/problems/deck_has_damaged_rows",
    title = "The file has damaged rows",
    status = 422,
    detail = detail:format(result.report.rejected, result.report.rows, result.report_id),
    request_id = req.id,
    report_id = result.report_id,
    report = result.report,
  }, { ["content-type"] = "application/problem+json" }
end

--- PUT /v1/rate-decks/{id}/rates: the body is the CSV.
function handler.put_rates(req)
  local id, err = v.path_id(req.params.id, "deck", "rate deck")
  if not id then
    return nil, err
  end
  local query
  query, err = v.query(schema.rates_put, req.query)
  if not query then
    return nil, err
  end
  local bytes, result
  bytes, err = request.bytes(req, "the rates, as CSV")
  if not bytes then
    return nil, err
  end
  local accept = { report = query.accept, any = query.accept_rejected == "true" }
  result, err = service.load_rates(id, bytes, accept, etag.expected(req))
  if not result then
    return nil, err
  elseif result.report_id then
    return damaged(req, result)
  end
  local message = result.changed and ("Version %d is active."):format(result.version)
    or ("Nothing changed: this file is version %d, which is active."):format(result.version)
  return 200, {
    deck = result.deck, version = result.version, changed = result.changed, message = message, report = result.report,
  }, etag.headers(result)
end

--- GET /v1/rate-decks/{id}/lookup?number=&at=
function handler.lookup(req)
  local id, err = v.path_id(req.params.id, "deck", "rate deck")
  if not id then
    return nil, err
  end
  local query
  query, err = v.query(schema.lookup, req.query)
  if not query then
    return nil, err
  elseif not query.number then
    return nil, errors.input("?number", "is required")
  end
  local found
  found, err = service.lookup(id, query.number, query.at)
  if not found then
    return nil, err
  end
  return 200, {
    number = query.number, at = show.time(found.at), deck = id, version = found.deck.version,
    currency = found.deck.currency, rate = found.row and show.rate(found.row) or tg.json.null,
  }
end

return handler
