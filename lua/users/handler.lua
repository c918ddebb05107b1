--- Requests about people, roles and permissions.
local errors = require("core.errors")
local etag = require("core.etag")
local operations = require("operations.service")
local page = require("core.page")
local permissions = require("identity.permissions")
local policies = require("policies.service")
local request = require("core.request")
local rights = require("users.rights")
local roles = require("users.roles")
local schema = require("users.schema")
local service = require("users.service")
local show = require("core.show")
local v = require("core.validate")

local handler = {}

local or_null <const> = show.or_null

local function show_assignment(row)
  return { role = row.role_id or row.role, name = or_null(row.role_name), company = row.company }
end

local function show_user(row)
  local user = {
    id = row.id, company = row.company, email = row.email, name = row.name, status = row.status,
    created_at = show.time(row.created_at), updated_at = show.time(row.updated_at),
    last_login_at = show.time(row.last_login_at), invited_at = show.time(row.invited_at),
  }
  if row.roles then
    user.roles = tg.json.array({})
    for i, assignment in ipairs(row.roles) do
      user.roles[i] = show_assignment(assignment)
    end
  end
  return user
end

-- To sign in, or to be invited again, is no edit, but it is shown.
local function tag_of(row)
  return etag.headers(row, math.max(row.last_login_at or 0, row.invited_at or 0))
end

local function show_role(row)
  return {
    id = row.id, company = row.company, name = row.name, permissions = tg.json.array(row.permissions),
    created_at = show.time(row.created_at), updated_at = show.time(row.updated_at),
  }
end

local USER_CREATED <const> = { status = 201, show = show_user, place = "/v1/users/" }

--- POST /v1/users
function handler.create_user(req)
  local input, err = request.body(req, schema.user_create)
  if not input then
    return nil, err
  end
  return operations.make(req, "POST /v1/users", USER_CREATED, function(record)
    return service.create_user(input, req.principal, record)
  end)
end

--- GET /v1/users
function handler.users(req)
  local query, limit = request.list(req, schema.user_list, { "usr" })
  if not query then
    return nil, limit
  end
  local rows, err = service.users(query)
  if not rows then
    return nil, err
  end
  return 200, page.answer(rows, limit, show_user, page.key_of(query))
end

--- GET /v1/users/{id}
function handler.user(req)
  local id, err = v.path_id(req.params.id, "usr", "user")
  if not id then
    return nil, err
  end
  local user
  user, err = service.user(id)
  if not user then
    return nil, err
  end
  return 200, show_user(user), tag_of(user)
end

--- PATCH /v1/users/{id}
function handler.change_user(req)
  local id, err = v.path_id(req.params.id, "usr", "user")
  if not id then
    return nil, err
  end
  local input
  input, err = request.body(req, schema.user_change)
  if not input then
    return nil, err
  end
  local user
  user, err = service.change_user(id, input, req.principal, etag.expected(req))
  if not user then
    return nil, err
  end
  return 200, show_user(user), tag_of(user)
end

--- DELETE /v1/users/{id}/sessions
function handler.end_sessions(req)
  local id, err = v.path_id(req.params.id, "usr", "user")
  local done
  if id then
    done, err = service.end_sessions(id, req.principal)
  end
  if not done then
    return nil, err
  end
  return 204
end

--- DELETE /v1/companies/{id}/sessions
function handler.end_all_sessions(req)
  local id, err = v.path_id(req.params.id, "co", "company")
  local done
  if id then
    done, err = service.end_all_sessions(id, req.principal)
  end
  if not done then
    return nil, err
  end
  return 204
end

--- POST /v1/users/{id}/invitation
function handler.invite(req)
  local id, err = v.path_id(req.params.id, "usr", "user")
  if not id then
    return nil, err
  end
  local sent
  sent, err = service.invite(id)
  if not sent then
    return nil, err
  end
  return 202, { message = "A letter with a code is on its way." }
end

local ROLE_CREATED <const> = { status = 201, show = show_role, place = "/v1/roles/" }

--- POST /v1/roles
function handler.create_role(req)
  local input, err = request.body(req, schema.role_create)
  if not input then
    return nil, err
  end
  return operations.make(req, "POST /v1/roles", ROLE_CREATED, function(record)
    return rights.create_role(input, req.principal, record)
  end)
end

--- GET /v1/roles
function handler.roles(req)
  local query, limit = request.list(req, schema.role_list, { "rol" })
  if not query then
    return nil, limit
  end
  local rows, err = rights.roles(query)
  if not rows then
    return nil, err
  end
  local body = page.answer(rows, limit, show_role, page.key_of(query))
  body.built_in = tg.json.array({})
  for i, name in ipairs(roles.names()) do
    local role = roles.BUILT_IN[name]
    body.built_in[i] = { name = name, says = role.says, permissions = tg.json.array(role.permissions) }
  end
  return 200, body
end

--- GET /v1/roles/{id}
function handler.role(req)
  local id, err = v.path_id(req.params.id, "rol", "role")
  if not id then
    return nil, err
  end
  local role
  role, err = rights.role(id)
  if not role then
    return nil, err
  end
  return 200, show_role(role), etag.headers(role)
end

--- PATCH /v1/roles/{id}
function handler.change_role(req)
  local id, err = v.path_id(req.params.id, "rol", "role")
  if not id then
    return nil, err
  end
  local input
  input, err = request.body(req, schema.role_change)
  if not input then
    return nil, err
  end
  local role
  role, err = rights.change_role(id, input, req.principal, etag.expected(req))
  if not role then
    return nil, err
  end
  return 200, show_role(role), etag.headers(role)
end

--- DELETE /v1/roles/{id}
function handler.delete_role(req)
  local id, err = v.path_id(req.params.id, "rol", "role")
  if not id then
    return nil, err
  end
  local done
  done, err = rights.delete_role(id)
  if not done then
    return nil, err
  end
  return 204
end

--- GET /v1/permissions
function handler.permissions()
  local data, meanings = tg.json.array({}), permissions.meanings()
  for i, name in ipairs(permissions.names()) do
    data[i] = { name = name, says = meanings[name] }
  end
  return 200, { data = data }
end

--- POST /v1/permissions/check
function handler.check_permission(req)
  local input, err = request.body(req, schema.permission_check)
  if not input then
    return nil, err
  end
  local actor, company = input.actor or req.principal.actor, input.company or req.principal.company
  if actor ~= req.principal.actor then
    local held
    held, err = rights.held_by(req.principal.actor, req.principal.company)
    if not held then
      return nil, err
    elseif not permissions.has(held, "users:read") then
      return nil, errors.denied("To ask about somebody else needs the permission users:read.")
    end
  end
  local answer, policy
  answer, err = rights.explain(actor, company, input.permission)
  if answer then
    policy, err = policies.explain({
      actor = actor, session = actor == req.principal.actor and req.principal.session or nil, company = company,
      permission = input.permission, amount = input.amount, currency = input.currency,
    })
  end
  if err then
    return nil, err
  end
  return 200, {
    actor = actor, company = company, permission = input.permission,
    allowed = answer.allowed and (policy == nil or policy.allowed), because = tg.json.array(answer.because),
    policy = policy and { company = policy.company, allowed = policy.allowed, reason = or_null(policy.reason) }
      or tg.json.null,
  }
end

return handler
