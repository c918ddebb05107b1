--- Backtests, page by page.
-- The oldest that is not finished runs, the others wait for it: one at a time, however many nodes there are. A page and
-- the place where the next begins are one transaction, so a job that dies is taken up where it was; and the transaction
-- asks that the place is still the one this page began at, so of two that work on the same by accident one writes
-- nothing and leaves. Before its ten seconds are over a job makes the next one.
local bundles = require("rules.bundles")
local charging = require("charging.service")
local report = require("rules.report")
local service = require("jobs.service")
local store = require("rules.store")

local jobs = {}

local SECOND <const> = 1000000
local STOP_AFTER <const> = 5 * SECOND -- a page takes up to two seconds, and a job has ten
local FORGOTTEN <const> = 60 * SECOND
local EVENTS_A_PAGE <const> = 5000
local HANDLER <const> = "rules.jobs:backtest"
local ERROR_LEN_MAX <const> = 1000

-- What keeps a backtest going when its job was lost; runs nothing that somebody works on.
service.every({ name = "rules.backtests", handler = HANDLER, every_s = 60 })

local function passes(err)
  return err.code == "busy" or err.code == "upstream" or err.code == "uncertain"
end

-- Enqueues whatever has to go on: the rest of this one, or the oldest that waits.
local function enqueue_next(tx)
  local oldest, err = store.next_backtest(tx)
  if not oldest then
    return err == nil or nil, err
  end
  return service.enqueue(tx, { handler = HANDLER, arguments = { backtest = oldest.id } })
end

local function fail(backtest, err)
  local text = tostring(err.detail or err.code)
  if #text > ERROR_LEN_MAX then
    text = text:sub(1, ERROR_LEN_MAX):gsub("[\x80-\xff]+$", "") -- not in the middle of a character
  end
  return tg.db.transaction(function(tx)
    local done, failed = store.fail_backtest(tx, backtest, text, tg.time.now())
    if not done then
      return nil, failed
    end
    return enqueue_next(tx)
  end)
end

-- The files of its bundle. The release's own rules are gone with the release.
local function files_of(backtest)
  local bundle, err = bundles.bundle(backtest.bundle)
  if not bundle then
    return nil, err
  end
  return bundles.files(bundle)
end

-- Keeps a page. true: go on; false: it is finished, or another's; the job is over.
local function keep(backtest, page, is_last_run)
  local found = report.add_page(backtest.report, page)
  local is_done = page.cursor == ""
  local to = {
    state = is_done and "done" or "running", cursor = page.cursor, events_done = backtest.events_done + page.events,
    report = found,
  }
  local changed, err = tg.db.transaction(function(tx)
    local n, failed = store.advance_backtest(tx, backtest, to, tg.time.now())
    if n == 1 and (is_done or is_last_run) then
      local enqueued
      enqueued, failed = enqueue_next(tx)
      return enqueued ~= nil and n or nil, failed
    end
    return n, failed
  end)
  if not changed then
    return nil, err
  end
  backtest.cursor_text, backtest.events_done = to.cursor, to.events_done
  return changed == 1 and not is_done and not is_last_run
end

local function begin(backtest)
  if backtest.state == "running" then
    return true
  end
  local events, err = charging.count_below(backtest.company, backtest.from_time, backtest.to_time)
  if not events then
    return nil, err
  end
  return store.begin_backtest(backtest, events, tg.time.now())
end

local function run(backtest)
  local began = tg.time.monotonic()
  local ready, err = begin(backtest)
  local files
  if ready then
    files, err = files_of(backtest)
  end
  if not files then
    return nil, err
  end
  local goes_on = true
  while goes_on do
    local page
    page, err = tg.backtests.page({
      bundle = backtest.bundle, files = files, company = backtest.company, from = backtest.from_time,
      to = backtest.to_time, cursor = backtest.cursor_text, limit = EVENTS_A_PAGE,
    })
    if not page then
      return nil, err
    end
    goes_on, err = keep(backtest, page, tg.time.monotonic() - began > STOP_AFTER)
    if goes_on == nil then
      return nil, err
    end
  end
  return true
end

--- Works on a backtest for some seconds.
---@param arguments {backtest: string?} the one this job was made for; without: any that nobody has worked on of late
function jobs.backtest(arguments)
  local oldest, err = store.next_backtest()
  if not oldest then
    return err == nil or nil, err
  elseif arguments.backtest and arguments.backtest ~= oldest.id then
    return true -- its turn comes when the oldest is done
  elseif not arguments.backtest and oldest.updated_at > tg.time.now() - FORGOTTEN then
    return true
  end
  tg.assume(oldest.owner)
  local done
  done, err = run(oldest)
  if done == nil and not passes(err) then
    return fail(oldest, err)
  end
  return done, err
end

return jobs
