--- An approval as the API shows it.
local show = require("core.show")

local or_null <const> = show.or_null

return function(row)
  return {
    id = row.id, company = row.company, operation = row.operation, flow = row.flow, object = row.object,
    input = row.input, state = row.state, proposer = row.proposer, decider = or_null(row.decider),
    result = or_null(row.result), created_at = show.time(row.created_at), expires_at = show.time(row.expires_at),
    decided_at = show.time(row.decided_at),
  }
end
