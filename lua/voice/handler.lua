--- Requests about voice endpoints, and what Vapi and Retell send to them.
local endpoints = require("voice.endpoints")
local etag = require("core.etag")
local operations = require("operations.service")
local page = require("core.page")
local request = require("core.request")
local schema = require("voice.schema")
local service = require("voice.service")
local show = require("core.show")
local v = require("core.validate")

local handler = {}

local or_null <const> = show.or_null

local function show_endpoint(row)
  local settings <const> = row.settings
  return {
    id = row.id, company = row.company, provider = row.provider, name = row.name,
    webhook = ("/webhooks/%s/%s"):format(row.provider, row.id), authentication = settings.authentication,
    agent_id = or_null(settings.agent_id), reject_message = or_null(settings.reject_message),
    reject_forward_to = or_null(settings.reject_forward_to), meters = or_null(settings.meters),
    charge_seconds = settings.charge_seconds, max_minutes = settings.max_minutes, when_busy = settings.when_busy,
    created_at = show.time(row.created_at), updated_at = show.time(row.updated_at),
  }
end

local MADE <const> = { status = 201, show = show_endpoint, place = "/v1/voice-endpoints/" }

local function path_id(req)
  return v.path_id(req.params.id, "voi", "voice endpoint")
end

--- POST /v1/voice-endpoints
function handler.create_endpoint(req)
  local input, err = request.body(req, schema.endpoint)
  if not input then
    return nil, err
  end
  return operations.make(req, "POST /v1/voice-endpoints", MADE, function(record)
    return endpoints.create(input, req.principal.company, record)
  end)
end

--- GET /v1/voice-endpoints
function handler.endpoints(req)
  local query, limit = request.list(req, schema.endpoint_list, { "voi" })
  if not query then
    return nil, limit
  end
  local rows, err = endpoints.list(query)
  if not rows then
    return nil, err
  end
  return 200, page.answer(rows, limit, show_endpoint, function(row)
    return { row.id }
  end)
end

--- GET /v1/voice-endpoints/{id}
function handler.endpoint(req)
  local id, err = path_id(req)
  local row
  if id then
    row, err = endpoints.endpoint(id)
  end
  if not row then
    return nil, err
  end
  return 200, show_endpoint(row), etag.headers(row)
end

--- PUT /v1/voice-endpoints/{id}
function handler.change_endpoint(req)
  local id, err = path_id(req)
  local row, input
  if id then
    row, err = endpoints.endpoint(id)
  end
  if row then
    input, err = request.body(req, schema.endpoint_settings)
  end
  if input then
    row, err = endpoints.change(id, input, etag.expected(req))
  end
  if not input or not row then
    return nil, err
  end
  return 200, show_endpoint(row), etag.headers(row)
end

--- PUT /v1/voice-endpoints/{id}/secret
function handler.set_endpoint_secret(req)
  local id, err = path_id(req)
  local row, input, done
  if id then
    row, err = endpoints.endpoint(id)
  end
  if row then
    input, err = request.body(req, schema.endpoint_secret)
  end
  if input then
    done, err = endpoints.set_secret(id, input.secret)
  end
  if not done then
    return nil, err
  end
  return 204
end

--- DELETE /v1/voice-endpoints/{id}
function handler.delete_endpoint(req)
  local id, err = path_id(req)
  local done
  if id then
    done, err = endpoints.delete(id)
  end
  if not done then
    return nil, err
  end
  return 204
end

local function webhook(provider)
  return function(req)
    local id, err = path_id(req)
    local endpoint, body, answer
    if id then
      endpoint, body = service.open(provider, id, req)
      err = body
    end
    if endpoint then
      answer, err = service.handle(endpoint, body, req)
    end
    if not answer then
      return nil, err
    elseif answer == true then
      return 204
    end
    return 200, answer
  end
end

--- POST /webhooks/vapi/{id}
handler.vapi = webhook("vapi")

--- POST /webhooks/retell/{id}
handler.retell = webhook("retell")

return handler
