--- Calls that were never settled come to an end: what they reported is charged, what was held is given back.
-- Which may be due is asked here, whether they are is decided under the wallet's lock: so two nodes that find the same
-- call do no harm, and a renewal that comes just in time is in time.
local jobs = require("jobs.service")
local store = require("calls.store")

local handlers = {}

local AT_ONCE <const> = 500
local STOP_AFTER <const> = 5 * 1000000 -- the next second brings the next job

jobs.every({ name = "calls.expire", handler = "calls.jobs:expire", every_s = 1 })
jobs.routine("calls.jobs:expire")

--- Ends what is due, portion by portion, for some seconds.
function handlers.expire()
  local began <const> = tg.time.monotonic()
  repeat
    local due, err = store.due(tg.time.now(), AT_ONCE)
    local ended
    if due and due[1] then
      ended, err = tg.calls.expire(due)
    end
    if err then
      return nil, err
    end
    -- A portion of which none was ended would come back: others are at it, or their rules are not there.
    local is_last <const> = #due < AT_ONCE or ended == 0
  until is_last or tg.time.monotonic() - began > STOP_AFTER
  return true
end

return handlers
