--- When a job runs again.
-- Pure: numbers in, numbers out. Instants and spans are microseconds.
local timing = {}

local SECOND <const> = 1000000
local FIRST_RETRY_S <const> = 5
local LONGEST_RETRY_S <const> = 3600

--- How long to wait after the nth failed attempt: doubling from 5 s to 1 h, half of it left to chance.
-- @param attempts  how many have failed, from 1
-- @param chance    0 … 1000, so that many that failed together do not come back together
function timing.backoff(attempts, chance)
  local seconds = LONGEST_RETRY_S
  if attempts <= 10 then
    seconds = math.min(FIRST_RETRY_S << (attempts - 1), LONGEST_RETRY_S)
  end
  return seconds * SECOND // 2 + seconds * SECOND // 2 * chance // 1000
end

--- The first slot of a schedule after `now`. Slots that were missed are not made up for.
-- @param slot     the slot that is being run, at most `now`
-- @param every_s  the distance of slots
function timing.next_slot(slot, every_s, now)
  local every = every_s * SECOND
  return slot + ((now - slot) // every + 1) * every
end

return timing
