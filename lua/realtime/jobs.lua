--- The jobs about realtime: keys are replaced in time.
local jobs = require("jobs.service")
local service = require("realtime.service")

local handlers = {}

jobs.every({ name = "realtime.rotate", handler = "realtime.jobs:rotate", every_s = 3600 })

function handlers.rotate()
  return service.rotate()
end

return handlers
