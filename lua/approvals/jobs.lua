--- The jobs about approvals.
local jobs = require("jobs.service")
local service = require("approvals.service")

local handlers = {}

local AT_ONCE <const> = 200

jobs.every({ name = "approvals.expire", handler = "approvals.jobs:expire", every_s = 60 })

function handlers.expire()
  return service.expire(AT_ONCE)
end

return handlers
