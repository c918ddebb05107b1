--- What a job and a schedule look like.
local schema = {}

--- "feature.jobs:name" → module, function name; nil when it is not of that form.
function schema.split_handler(handler)
  if type(handler) ~= "string" or #handler > 100 then
    return nil
  end
  return handler:match("^([a-z][a-z_]*%.jobs):([a-z][a-z0-9_]*)$")
end

--- Checks what enqueue() was given. A wrong one is a bug of the caller, so it raises.
function schema.check_job(job)
  if not schema.split_handler(job.handler) then
    error("a job's handler is \"feature.jobs:name\", not " .. tostring(job.handler), 3)
  end
  if job.unique_key ~= nil and (type(job.unique_key) ~= "string" or #job.unique_key > 200) then
    error("a job's unique_key is a text of at most 200 bytes", 3)
  end
  if job.run_at ~= nil and math.type(job.run_at) ~= "integer" then
    error("a job's run_at is an instant in microseconds", 3)
  end
  if job.attempts_max ~= nil and (math.type(job.attempts_max) ~= "integer" or job.attempts_max < 1) then
    error("a job's attempts_max is a whole number from 1", 3)
  end
end

--- Checks what every() was given.
function schema.check_schedule(schedule)
  if type(schedule.name) ~= "string" or #schedule.name == 0 or #schedule.name > 100 then
    error("a schedule's name is a text of at most 100 bytes", 3)
  end
  if not schema.split_handler(schedule.handler) then
    error("a schedule's handler is \"feature.jobs:name\"", 3)
  end
  if math.type(schedule.every_s) ~= "integer" or schedule.every_s < 1 then
    error("a schedule's every_s is a whole number of seconds from 1", 3)
  end
end

return schema
