--- Requests about companies and keys.
local approvals = require("approvals.service")
local errors = require("core.errors")
local etag = require("core.etag")
local operations = require("operations.service")
local page = require("core.page")
local permissions = require("identity.permissions")
local policies = require("policies.service")
local request = require("core.request")
local rights = require("users.rights")
local schema = require("identity.schema")
local service = require("identity.service")
local sessions = require("sessions.service")
local show = require("core.show")
local show_approval = require("approvals.show")
local totp = require("totp.service")
local users = require("users.service")
local v = require("core.validate")

local handler = {}

local null <const> = tg.json.null
local or_null <const> = show.or_null

local function show_company(row)
  return {
    id = row.id, parent = or_null(row.parent), name = row.name, external_ref = or_null(row.external_ref),
    status = row.status, currency = row.currency, timezone = row.timezone, country = or_null(row.country),
    rate_deck = or_null(row.rate_deck), pricing = or_null(row.pricing), limits = or_null(row.limits),
    settings = or_null(row.settings),
    created_at = show.time(row.created_at), updated_at = show.time(row.updated_at),
  }
end

local function show_key(row)
  return {
    id = row.id, company = row.company, name = row.name, permissions = tg.json.array(row.permissions),
    created_at = show.time(row.created_at), expires_at = show.time(row.expires_at),
    revoked_at = show.time(row.revoked_at), last_used_at = show.time(row.last_used_at),
  }
end

-- The person who asks, how they are signed in, and with what; nil for a key.
local function person(req)
  local actor <const> = req.principal.actor
  if not tg.id.is(actor, "usr") then
    return nil
  end
  local user, err = users.own_user(actor)
  if not user then
    return nil, err
  end
  local factor, row
  factor, err = totp.state(actor)
  if factor then
    row, err = sessions.session(actor, sessions.of(req))
  end
  if not row then
    return nil, err
  end
  return {
    user = {
      id = user.id, company = user.company, email = user.email, name = user.name, totp_enabled = factor.enabled,
      recovery_codes_left = factor.recovery_codes_left,
    },
    session = {
      id = row.id, expires_at = show.time(row.expires_at), fresh_until = show.time(sessions.fresh_until(row)),
    },
  }
end

--- GET /v1/me
function handler.me(req)
  local company, err = service.company(req.principal.company)
  if not company then
    return nil, err
  end
  local key, who
  key, err = service.own_key(req.principal.actor)
  if err then
    return nil, err
  end
  who, err = person(req)
  if err then
    return nil, err
  end
  return 200, {
    company = show_company(company), key = key and show_key(key) or null, user = who and who.user or null,
    session = who and who.session or null, csrf = or_null(req.csrf),
  }, { ["cache-control"] = "no-store" }
end

--- POST /v1/companies
function handler.create_company(req)
  local input, err = request.body(req, schema.company_create)
  if not input then
    return nil, err
  end
  return operations.once(req, "POST /v1/companies", function(record)
    local company, created = service.create_company(input, req.principal.company, function(tx, row)
      return record(tx, 201, show_company(row))
    end)
    if not company then
      return nil, created
    end
    return created and 201 or 200, show_company(company), { location = "/v1/companies/" .. company.id }
  end, "/v1/companies/")
end

--- GET /v1/companies
function handler.companies(req)
  local query, limit = request.list(req, schema.company_list, { "co" })
  if not query then
    return nil, limit
  end
  local rows, err = service.companies(query)
  if not rows then
    return nil, err
  end
  return 200, page.answer(rows, limit, show_company, page.key_of(query))
end

--- GET /v1/companies/{id}
function handler.company(req)
  local id, err = v.path_id(req.params.id, "co", "company")
  if not id then
    return nil, err
  end
  local company
  company, err = service.company(id)
  if not company then
    return nil, err
  end
  return 200, show_company(company), etag.headers(company)
end

-- To suspend a company needs a second person, when there is one. The reason why not; or an approval that waits.
local function review(id, input, expected, principal)
  if input.status ~= "suspended" then
    return true
  end
  local company, err = service.changeable(id, input)
  local as_expected
  if company then
    as_expected, err = etag.check(company, expected)
  end
  if not as_expected then
    return nil, err
  elseif company.status == "suspended" then
    return true
  end
  return approvals.ask({
    operation = "identity.change_company", flow = "company_suspend", object = id, input = input,
  }, "companies:write", principal.actor)
end

-- Settings say what others may not do: only who may do everything changes them, and proves that it is they.
local change_settings = sessions.step_up(function(req, id, settings)
  local held, err = rights.held_by(req.principal.actor, id)
  local company
  if held then
    company, err = service.company(id)
  end
  if not company then
    return nil, err
  elseif not permissions.has(held, "*") then
    return nil, errors.denied("A company's settings are changed by who may do everything there.")
  end
  local open = true
  if settings.policies and settings.policies ~= null then
    open, err = policies.check_open(settings.policies, req.principal, id)
  end
  if open then
    company, err = service.change_company(id, { settings = settings }, etag.expected(req))
  end
  if not open or not company then
    return nil, err
  end
  return 200, show_company(company), etag.headers(company)
end)

--- PATCH /v1/companies/{id}
function handler.change_company(req)
  local id, err = v.path_id(req.params.id, "co", "company")
  if not id then
    return nil, err
  end
  local input
  input, err = request.body(req, schema.company_change)
  if not input then
    return nil, err
  end
  if input.settings then
    return change_settings(req, id, input.settings)
  end
  local expected = etag.expected(req)
  local reviewed, reason = review(id, input, expected, req.principal)
  if not reviewed then
    return nil, reason
  elseif reviewed ~= true then
    return 202, show_approval(reviewed), { location = "/v1/approvals/" .. reviewed.id }
  end
  local company
  company, err = service.change_company(id, input, expected, reason)
  if not company then
    return nil, err
  end
  return 200, show_company(company), etag.headers(company)
end

local function held_by_person(actor, company)
  if tg.id.is(actor, "usr") then
    return rights.permissions_in(actor, company)
  end
end

--- POST /v1/api-keys: the only answer that ever has the key's text. What is kept for a repeat has it not.
function handler.create_key(req)
  local input, err = request.body(req, schema.key_create)
  if not input then
    return nil, err
  end
  return operations.once(req, "POST /v1/api-keys", function(record)
    local held, failed = held_by_person(req.principal.actor, input.company or req.principal.company)
    if failed then
      return nil, failed
    end
    local row, text = service.create_key(input, req.principal, function(tx, made)
      return record(tx, 201, show_key(made))
    end, held)
    if not row then
      return nil, text
    end
    local body = show_key(row)
    body.key = text
    return 201, body, { ["cache-control"] = "no-store" }
  end)
end

--- POST /v1/api-keys/{id}/rotate: as for a new key, its text is in this one answer.
function handler.rotate_key(req)
  local id, err = v.path_id(req.params.id, "key", "API key")
  local old, input
  if id then
    old, err = service.key(id)
  end
  if old then
    input, err = request.body(req, schema.key_rotate)
  end
  if not input then
    return nil, err
  end
  return operations.once(req, "POST /v1/api-keys/" .. id .. "/rotate", function(record)
    local held, failed = held_by_person(req.principal.actor, old.company)
    if failed then
      return nil, failed
    end
    local row, text = service.rotate_key(old, input, req.principal, function(tx, made)
      return record(tx, 201, show_key(made))
    end, held)
    if not row then
      return nil, text
    end
    local body = show_key(row)
    body.key = text
    return 201, body, { ["cache-control"] = "no-store" }
  end)
end

--- GET /v1/api-keys
function handler.keys(req)
  local query, limit = request.list(req, schema.key_list, { "key" })
  if not query then
    return nil, limit
  end
  local rows, err = service.keys(query)
  if not rows then
    return nil, err
  end
  return 200, page.answer(rows, limit, show_key, page.key_of(query))
end

--- DELETE /v1/api-keys/{id}
function handler.revoke_key(req)
  local id, err = v.path_id(req.params.id, "key", "API key")
  if not id then
    return nil, err
  end
  local done
  done, err = service.revoke_key(id)
  if not done then
    return nil, err
  end
  return 204
end

return handler
