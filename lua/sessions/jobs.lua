--- The jobs about sessions: what is past is taken away.
local jobs = require("jobs.service")
local store = require("sessions.store")

local handlers = {}

local KEPT <const> = 24 * 3600 * 1000000

jobs.every({ name = "sessions.purge", handler = "sessions.jobs:purge", every_s = 3600 })

function handlers.purge()
  local before = tg.time.now() - KEPT
  local done, err = store.purge(before, 10000)
  if done then
    done, err = store.purge_failures(before, 10000)
  end
  return done, err
end

return handlers
