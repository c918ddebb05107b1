--- The jobs about letters.
local service = require("mail.service")

local handlers = {}

function handlers.deliver(arguments)
  return service.deliver(arguments.id)
end

return handlers
