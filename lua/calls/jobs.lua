--- Calls that were never settled come to an end: what they reported is charged, what was held is given back.
-- Which may be due is asked here, whether they are is decided under the wallet's lock: so two nodes that find the same
-- call do no harm, and a renewal that comes just in time is in time.
local jobs = require("jobs.service")
local store = require("calls.store")

local handlers = {}

local AT_ONCE <const> = 500
local COUNTED_MINUTES <const> = 61 -- what limits of calls look back
local PURGED_MAX <const> = 5000
local STOP_AFTER <const> = 5 * 1000000 -- the next second brings the next job

jobs.every({ name = "calls.expire", handler = "calls.jobs:expire", every_s = 1 })
jobs.routine("calls.jobs:expire")
jobs.every({ name = "calls.purge_counters", handler = "calls.jobs:purge_counters", every_s = 300 })

-- The last that was looked at, when there was no time for all: the next second goes on there. Those that cannot be
-- ended now are not in the way of the others; they come again after them.
local place = nil

-- A portion; true: there may be more. One call that cannot be ended now is no failure of the job, which would come back
-- later and later: the next second asks again, and the others have ended.
local function end_portion()
  local due, err = store.due(tg.time.now(), place, AT_ONCE)
  if not due then
    return nil, err
  end
  place = due[AT_ONCE]
  if not due[1] then
    return false
  end
  local ended
  ended, err = tg.calls.expire(due)
  if not ended then
    tg.log.warn("calls_expire_finished", { due = #due, error = err.detail })
  end
  return place ~= nil
end

--- Ends what is due, portion by portion, for some seconds.
function handlers.expire()
  local began <const> = tg.time.monotonic()
  local more, err
  repeat
    more, err = end_portion()
  until not more or tg.time.monotonic() - began > STOP_AFTER
  return more ~= nil or nil, err
end

--- Counters are looked at for an hour.
function handlers.purge_counters()
  return store.purge_counters(tg.time.now() // 60000000 - COUNTED_MINUTES, PURGED_MAX)
end

return handlers
