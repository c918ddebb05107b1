--- Requests about the audit log.
local export = require("core.export")
local page = require("core.page")
local request = require("core.request")
local schema = require("audit.schema")
local service = require("audit.service")
local show = require("core.show")
local v = require("core.validate")

local handler = {}

local or_null <const> = show.or_null

local function show_row(row)
  return {
    id = row.id, company = row.company, at = show.time(row.at), actor = row.actor ~= "" and row.actor or tg.json.null,
    session = or_null(row.session), address = row.address, request_id = row.request_id, action = row.action,
    object = row.object, outcome = row.outcome, before = or_null(row.before), after = or_null(row.after),
  }
end

local function by_id(row)
  return { row.id }
end

--- GET /v1/audit-log
function handler.entries(req)
  local query, limit = request.list(req, schema.list, { "aud" })
  if not query then
    return nil, limit
  end
  local rows, err = service.rows(query)
  if not rows then
    return nil, err
  end
  return 200, page.answer(rows, limit, show_row, by_id)
end

--- GET /v1/audit-log/{id}
function handler.entry(req)
  local id, err = v.path_id(req.params.id, "aud", "entry")
  local row
  if id then
    row, err = service.row(id)
  end
  if not row then
    return nil, err
  end
  return 200, show_row(row)
end

local EXPORT <const> = {
  name = "audit-log", rows = service.rows, show = show_row, key = by_id,
  columns = {
    "id", "company", "at", "actor", "session", "address", "request_id", "action", "object", "outcome", "before",
    "after",
  },
}

--- GET /v1/audit-log/export
function handler.export(req)
  return export.answer(req, schema.export, { "aud" }, EXPORT)
end

return handler
