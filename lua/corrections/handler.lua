--- Requests for corrections.
local operations = require("operations.service")
local request = require("core.request")
local schema = require("corrections.schema")
local service = require("corrections.service")
local show = require("corrections.show")
local v = require("core.validate")

local handler = {}

-- Keeps the answer with its effect, and gives it.
local function once(req, route, correct)
  return operations.once(req, route, function(record)
    local answer
    local done, err = correct(function(tx, rows)
      answer = show.one(rows)
      return record(tx, 201, answer)
    end)
    if not done then
      return nil, err
    end
    return 201, answer
  end)
end

--- POST /v1/calls/{call_id}/corrections
function handler.correct_call(req)
  local input, err = request.body(req, schema.of_call)
  if not input then
    return nil, err
  end
  local name <const> = req.params.call_id
  local short <const> = tg.crypto.hex(tg.crypto.sha256(name):sub(1, 8))
  return once(req, "POST /v1/calls/" .. short .. "/corrections", function(record)
    return service.correct_call(name, input, req.principal, record)
  end)
end

--- POST /v1/usage/{id}/corrections
function handler.correct_usage(req)
  local id, err = v.path_id(req.params.id, "usg", "usage event")
  local input
  if id then
    input, err = request.body(req, schema.of_usage)
  end
  if not input then
    return nil, err
  end
  return once(req, "POST /v1/usage/" .. id .. "/corrections", function(record)
    return service.correct_usage(id, input, req.principal, record)
  end)
end

return handler
