--- The jobs of the outbox: every second, one for each shard that has something. Its unique key is the lease.
local jobs = require("jobs.service")
local service = require("outbox.service")

local handlers = {}

jobs.every({ name = "outbox.publish", handler = "outbox.jobs:look", every_s = 1 })
jobs.routine("outbox.jobs:look")
jobs.routine("outbox.jobs:publish")

function handlers.look()
  local shards, err = service.waiting()
  for _, shard in ipairs(shards or {}) do
    local added, failed = jobs.enqueue(nil, {
      handler = "outbox.jobs:publish", arguments = { shard = shard }, unique_key = "outbox:" .. shard,
    })
    if added == nil then
      return nil, failed
    end
  end
  return shards and true, err
end

function handlers.publish(arguments)
  return service.publish(arguments.shard)
end

return handlers
