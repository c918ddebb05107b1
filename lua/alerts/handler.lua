--- Requests about alerts.
local page = require("core.page")
local request = require("core.request")
local schema = require("alerts.schema")
local service = require("alerts.service")
local show = require("core.show")
local v = require("core.validate")

local handler = {}

local function show_alert(row)
  return {
    id = row.id, company = row.company, kind = row.kind, object = row.object, severity = row.severity,
    state = row.state, text = row.text, data = row.data, version = row.version, raised_at = show.time(row.raised_at),
    acknowledged_at = show.time(row.acknowledged_at), acknowledged_by = show.or_null(row.acknowledged_by),
    cleared_at = show.time(row.cleared_at),
  }
end

--- GET /v1/alerts
function handler.alerts(req)
  local query, limit = request.list(req, schema.list, { "alr" })
  if not query then
    return nil, limit
  end
  local rows, err = service.alerts(query)
  if not rows then
    return nil, err
  end
  return 200, page.answer(rows, limit, show_alert, function(row)
    return { row.id }
  end)
end

--- GET /v1/alerts/{id}
function handler.alert(req)
  local id, err = v.path_id(req.params.id, "alr", "alert")
  local row
  if id then
    row, err = service.alert(id)
  end
  if not row then
    return nil, err
  end
  return 200, show_alert(row)
end

--- POST /v1/alerts/{id}/acknowledge
function handler.acknowledge(req)
  local id, err = v.path_id(req.params.id, "alr", "alert")
  local row
  if id then
    row, err = service.acknowledge(id, req.principal.actor)
  end
  if not row then
    return nil, err
  end
  return 200, show_alert(row)
end

return handler
