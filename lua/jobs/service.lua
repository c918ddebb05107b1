--- Jobs: work that must happen, once somebody has committed to it.
-- Enqueued in the caller's transaction, run at least once, retried with backoff, given up as 'dead' after its attempts.
-- A handler is a name, "wallet.jobs:topup": the function `topup` of lua/wallet/jobs.lua in the generation that runs it.
-- It is called with the job's arguments and the job ({id, attempts}), has ten seconds, and answers anything but
-- nil, err. It may run again after it has succeeded (a lost answer, a worker killed): its effects must bear that.
-- The runner in C (rt/jobs.h) calls run_once and run_schedules; nobody else does.
local schema = require("jobs.schema")
local store = require("jobs.store")
local timing = require("jobs.timing")

local service = {}

local SECOND <const> = 1000000
local STEP_MS <const> = 10000
local LEASE <const> = 30 * SECOND
local ATTEMPTS_MAX <const> = 20
local ERROR_LEN_MAX <const> = 1000

tg.metrics.counter("tollgate_jobs", "Jobs by what became of an attempt.", { "handler", "outcome" })

--- Adds a job.
-- @param tx   the transaction it depends on, or nil
-- @param job  {handler, arguments?, run_at?, unique_key?, attempts_max?, company?}
-- @return the id; false when a live job has the unique_key; nil, err
function service.enqueue(tx, job)
  schema.check_job(job)
  local now = tg.time.now()
  local id = tg.id.new("job")
  local added, err = store.insert(tx, {
    id = id,
    company = job.company,
    handler = job.handler,
    arguments = job.arguments or {},
    unique_key = job.unique_key,
    run_at = job.run_at or now,
    attempts_max = job.attempts_max or ATTEMPTS_MAX,
    now = now,
  })
  if added then
    return id
  end
  return added, err
end

--- For a job that runs: once this transaction has committed, another one with its unique_key may be added. Whoever adds
--- one for what has changed since must not be told that there is one already: this one does not see it any more.
---@param tx table
---@param job {id: string} as its handler was given it
function service.free_key(tx, job)
  return store.free_key(tx, job.id)
end

local schedules = {}

--- Declares a schedule, while modules load: {name, handler, every_s}. One job a slot, however many nodes there are.
function service.every(schedule)
  schema.check_schedule(schedule)
  schedules[#schedules + 1] = schedule
end

local routines = {}

--- Declares, while modules load, that a handler runs all day long: what of it is done leaves no row and no line in the
--- log. Two a second kept for a week would be a million of each.
---@param handler string
function service.routine(handler)
  routines[handler] = true
end

local function text_of(err)
  local text = type(err) == "table" and tostring(err.detail or err.code) or tostring(err)
  return utf8.len(text) and text:sub(1, ERROR_LEN_MAX):gsub("[\x80-\xff]*$", "") or "an error that is not text"
end

-- A job whose attempts end with the process, not with an answer, would be taken up for ever.
local function call_handler(job)
  if job.attempts > job.attempts_max then
    return nil, { code = "bug", detail = "every attempt was cut off: the worker ended or took longer than its lease" }
  end
  local module_name, function_name = schema.split_handler(job.handler)
  local found, module = pcall(require, module_name)
  local handler = found and type(module) == "table" and module[function_name]
  if type(handler) ~= "function" then
    return nil, { code = "bug", detail = "there is no handler " .. job.handler }
  end
  if job.company then
    tg.assume(job.company)
  end
  local fine, value, err = pcall(tg.within, STEP_MS, handler, job.arguments, { id = job.id, attempts = job.attempts })
  if not fine then
    return nil, { code = "bug", detail = tostring(value) }
  elseif value == nil and err ~= nil then
    return nil, err
  end
  return true
end

local function note_failure(job, token, err)
  local now = tg.time.now()
  local text = text_of(err)
  local is_last = job.attempts >= job.attempts_max or (type(err) == "table" and err.retry == false)
  tg.log.warn("jobs_step_finished", { handler = job.handler, job = job.id, attempts = job.attempts, error = text,
    dead = is_last })
  tg.metrics.inc("tollgate_jobs", { job.handler, is_last and "dead" or "retried" })
  if is_last then
    return store.give_up(job.id, token, text, now)
  end
  local chance = tg.crypto.random(1):byte() * 1000 // 255
  return store.retry(job.id, token, now + timing.backoff(job.attempts, chance), text, now)
end

local function note_success(job, token, took)
  tg.metrics.inc("tollgate_jobs", { job.handler, "done" })
  if routines[job.handler] then
    return store.drop(job.id, token)
  end
  tg.log.info("jobs_step_finished", { handler = job.handler, job = job.id, attempts = job.attempts, usecs = took })
  return store.finish(job.id, token, tg.time.now())
end

--- Runs one job that may run now.
-- @return true when there was one, false when there was none, nil, err when nothing could be asked
function service.run_once()
  local now = tg.time.now()
  local token = tg.crypto.hex(tg.crypto.random(16))
  local job, err = store.claim(now, now + LEASE, token)
  if not job then
    return job, err
  end
  local started = tg.time.monotonic()
  local done, failure = call_handler(job)
  local changed
  if done then
    changed, err = note_success(job, token, tg.time.monotonic() - started)
  else
    changed, err = note_failure(job, token, failure)
  end
  if changed == 0 then
    tg.log.warn("jobs_lease_lost", { handler = job.handler, job = job.id })
  elseif not changed then
    return nil, err
  end
  return true
end

local kept = false

local function keep_schedules(now)
  if kept then
    return true
  end
  for _, schedule in ipairs(schedules) do
    local done, err = store.keep_schedule(schedule, now)
    if not done then
      return nil, err
    end
  end
  kept = true
  return true
end

--- Enqueues a job for each schedule whose slot has come.
-- @return how many, or nil, err
function service.run_schedules()
  local now = tg.time.now()
  local fine, err = keep_schedules(now)
  if not fine then
    return nil, err
  end
  return store.each_due_schedule(now, function(tx, schedule)
    local added, refused = service.enqueue(tx, {
      handler = schedule.handler,
      arguments = { slot = schedule.slot },
      unique_key = "cron:" .. schedule.name,
    })
    if added == nil then
      return nil, refused
    end
    return timing.next_slot(schedule.slot, schedule.every_s, now)
  end)
end

return service
