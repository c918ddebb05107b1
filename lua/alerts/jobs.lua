--- Alerts of what the ledger engine has found: it leaves a job in the transaction of the effect (src/charge).
local service = require("alerts.service")

local handlers = {}

---@param arguments {company: string, kind: string, object: string, data: table}
function handlers.raise(arguments)
  return tg.db.transaction(function(tx)
    return service.raise(tx, {
      company = arguments.company, kind = arguments.kind, object = arguments.object, data = arguments.data,
    })
  end)
end

return handlers
