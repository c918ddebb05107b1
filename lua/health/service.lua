--- Should this node get traffic?
-- MariaDB is the truth: without it nothing can be answered. Redis is only speed and is not asked.
local store = require("health.store")

local service = {}

---@return true? ready, table? err
function service.ready()
  local row, err = store.ping()
  if not row then
    return nil, err
  end
  return true
end

return service
