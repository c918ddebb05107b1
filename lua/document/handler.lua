--- The API document, and a greeting.
local openapi = require("core.openapi")

local handler = {}

local text -- the same until the next generation, and long

--- GET /openapi.json
function handler.openapi()
  text = text or tg.json.encode(openapi.document())
  return 200, text, { ["content-type"] = "application/json", ["cache-control"] = "no-cache" }
end

--- GET /v1/hello
function handler.hello()
  return 200, { message = "hello" }
end

return handler
