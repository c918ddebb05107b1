--- The jobs about jobs: finished ones are kept for a week.
local service = require("jobs.service")
local store = require("jobs.store")

local jobs = {}

local KEPT <const> = 7 * 24 * 3600 * 1000000
local AT_ONCE <const> = 1000

service.every({ name = "jobs.purge", handler = "jobs.jobs:purge", every_s = 3600 })

--- Deletes what finished a week ago, some thousand rows a run.
function jobs.purge()
  local before = tg.time.now() - KEPT
  for _ = 1, 10 do
    local deleted, err = store.delete_done(before, AT_ONCE)
    if not deleted then
      return nil, err
    elseif deleted < AT_ONCE then
      break
    end
  end
  return true
end

return jobs
