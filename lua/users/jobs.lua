--- The jobs about people.
local jobs = require("jobs.service")
local service = require("users.service")

local handlers = {}

local KEPT <const> = 7 * 24 * 3600 * 1000000

jobs.every({ name = "users.purge", handler = "users.jobs:purge", every_s = 3600 })

--- Sends the letter that somebody has asked for.
function handlers.send_reset(arguments)
  return service.send_reset(arguments.email)
end

--- Deletes links that are long past.
function handlers.purge()
  return service.purge_links(tg.time.now() - KEPT, 10000)
end

return handlers
