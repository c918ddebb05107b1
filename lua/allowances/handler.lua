--- Requests about free seconds.
local operations = require("operations.service")
local page = require("core.page")
local request = require("core.request")
local schema = require("allowances.schema")
local service = require("allowances.service")
local show = require("core.show")
local v = require("core.validate")

local handler = {}

local function show_allowance(row)
  return {
    id = row.id, company = row.company, granted_seconds = row.granted_s, remaining_seconds = row.remaining_s,
    priority = row.priority, prefixes = show.or_null(row.prefixes), starts_at = show.time(row.starts_at),
    expires_at = show.time(row.expires_at), note = row.note, created_at = show.time(row.created_at),
  }
end

local GRANTED <const> = { status = 201, show = show_allowance, place = "/v1/allowances/" }

--- POST /v1/allowances
function handler.grant(req)
  local input, err = request.body(req, schema.allowance)
  if not input then
    return nil, err
  end
  return operations.make(req, "POST /v1/allowances", GRANTED, function(record)
    return service.grant(input, req.principal.company, record)
  end)
end

--- GET /v1/allowances
function handler.allowances(req)
  local query, limit = request.list(req, schema.allowance_list, { "co", "alw" })
  if not query then
    return nil, limit
  end
  local rows, err, stopped_at = service.allowances(query)
  if not rows then
    return nil, err
  end
  return 200, page.answer(rows, limit, show_allowance, function(row)
    return { row.company, row.id }
  end, stopped_at)
end

--- GET /v1/allowances/{id}
function handler.allowance(req)
  local id, err = v.path_id(req.params.id, "alw", "allowance")
  if not id then
    return nil, err
  end
  local row
  row, err = service.allowance(id)
  if not row then
    return nil, err
  end
  return 200, show_allowance(row)
end

return handler
