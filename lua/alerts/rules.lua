--- When an alert fires and when it is over: once each way.
--
-- It fires when `samples` measurements in a row are beyond the threshold, and clears when one is back at `clear`.
-- Between the two nothing happens: a value that swings around the threshold tells people once.

--- Whether a value is beyond a bound, seen from the side that the alert looks at.
local function is_beyond(value, bound, direction)
  if direction == "above" then
    return value > bound
  end
  return value < bound
end

local function decide(input, cap)
  local alert, state = input.alert, input.state or { firing = false }
  local value = cap.decimal.new(input.value)
  local threshold = cap.decimal.new(alert.threshold)
  local clear = cap.decimal.new(alert.clear or alert.threshold)
  if is_beyond(clear, threshold, alert.direction) then
    error("the alert " .. alert.id .. " clears where it still fires")
  end
  local run = is_beyond(value, threshold, alert.direction) and (state.run or 0) + 1 or 0
  if state.firing then
    if is_beyond(value, clear, alert.direction) then
      return { state = { firing = true, since = state.since, run = run } }
    end
    return { event = "cleared", state = { firing = false, since = input.at, run = run } }
  elseif run >= (alert.samples or 1) then
    return { event = "fired", state = { firing = true, since = input.at, run = run } }
  end
  return { state = { firing = false, since = state.since, run = run } }
end

local NOW <const> = 1784109600000000
local BEFORE <const> = NOW - 60000000

local low_balance = { id = "low", direction = "below", threshold = "10", clear = "15" }
local errors = { id = "errors", direction = "above", threshold = "5", samples = 3 }

return {
  hook = "alerts.evaluate",
  api = 1,
  needs = { "decimal" },
  decide = decide,
  cases = {
    {
      name = "a balance below its level fires",
      input = { alert = low_balance, value = "9.99", at = NOW },
      want = { event = "fired", state = { firing = true, since = NOW, run = 1 } },
    },
    {
      name = "exactly at the threshold nothing fires",
      input = { alert = low_balance, value = "10", at = NOW },
      want = { state = { firing = false, run = 0 } },
    },
    {
      name = "what fires already does not fire again",
      input = { alert = low_balance, value = "3", at = NOW, state = { firing = true, since = BEFORE, run = 1 } },
      want = { state = { firing = true, since = BEFORE, run = 2 } },
    },
    {
      name = "a small deposit does not clear it",
      input = { alert = low_balance, value = "14.99", at = NOW, state = { firing = true, since = BEFORE, run = 4 } },
      want = { state = { firing = true, since = BEFORE, run = 0 } },
    },
    {
      name = "it clears at the level that is set for that",
      input = { alert = low_balance, value = "15", at = NOW, state = { firing = true, since = BEFORE, run = 0 } },
      want = { event = "cleared", state = { firing = false, since = NOW, run = 0 } },
    },
    {
      name = "two bad samples of three are not enough",
      input = { alert = errors, value = "6", at = NOW, state = { firing = false, run = 1 } },
      want = { state = { firing = false, run = 2 } },
    },
    {
      name = "the third fires",
      input = { alert = errors, value = "5.1", at = NOW, state = { firing = false, run = 2 } },
      want = { event = "fired", state = { firing = true, since = NOW, run = 3 } },
    },
    {
      name = "a good sample begins the count anew",
      input = { alert = errors, value = "5", at = NOW, state = { firing = false, run = 2 } },
      want = { state = { firing = false, run = 0 } },
    },
    {
      name = "an alert that would clear where it fires is a mistake",
      input = { alert = { id = "odd", direction = "above", threshold = "5", clear = "6" }, value = "7", at = NOW },
      error = "clears where it still fires",
    },
  },
}
