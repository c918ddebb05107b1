--- Every minute the audit log and the ledger are sealed; at once again while there is more than one turn can seal.
local jobs = require("jobs.service")
local service = require("chains.service")

local handlers = {}

jobs.every({ name = "audit.seal", handler = "chains.jobs:seal_audit", every_s = 60 })
jobs.every({ name = "ledger.seal", handler = "chains.jobs:seal_ledger", every_s = 60 })

local function seal(chain, job)
  local more, err = service.seal(chain)
  if more == nil then
    return nil, err
  elseif not more then
    return true
  end
  local added
  added, err = jobs.enqueue(nil, { handler = "chains.jobs:seal_" .. chain, unique_key = "chains:" .. job.id })
  return added ~= nil or nil, err
end

function handlers.seal_audit(_, job)
  return seal("audit", job)
end

function handlers.seal_ledger(_, job)
  return seal("ledger", job)
end

return handlers
