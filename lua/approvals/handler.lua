--- Requests about approvals.
local errors = require("core.errors")
local operations = require("approvals.operations")
local page = require("core.page")
local policies = require("policies.service")
local request = require("core.request")
local schema = require("approvals.schema")
local service = require("approvals.service")
local show = require("approvals.show")
local v = require("core.validate")

local handler = {}

local function by_id(req)
  local id, err = v.path_id(req.params.id, "apv", "approval")
  if not id then
    return nil, err
  end
  return service.approval(id)
end

--- GET /v1/approvals
function handler.approvals(req)
  local query, limit = request.list(req, schema.list, { "apv" })
  if not query then
    return nil, limit
  end
  local rows, err = service.approvals(query)
  if not rows then
    return nil, err
  end
  return 200, page.answer(rows, limit, show, function(row)
    return { row.id }
  end)
end

--- GET /v1/approvals/{id}
function handler.approval(req)
  local row, err = by_id(req)
  if not row then
    return nil, err
  end
  return 200, show(row)
end

-- Who approves may do it themselves, also by the policies of their company; who refuses need not.
local function may_decide(req, row, operation, is_approving)
  if not is_approving then
    return true
  end
  return policies.check_deciding(req, { permission = operation.permission, company = row.company, input = row.input })
end

local function deciding(decide, is_approving)
  return function(req)
    local row, err = by_id(req)
    local operation = row and operations[row.operation]
    local may
    if row and not operation then -- a release that knows it no more
      return nil, errors.conflict("approval_over", "This is not done any more: it expires.")
    elseif row then
      may, err = may_decide(req, row, operation, is_approving)
    end
    if not may then
      return nil, err
    end
    row, err = decide(row, operation, req.principal.actor)
    if not row then
      return nil, err
    end
    return 200, show(row)
  end
end

--- POST /v1/approvals/{id}/approve
handler.approve = deciding(service.approve, true)

--- POST /v1/approvals/{id}/refuse
handler.refuse = deciding(service.refuse, false)

return handler
