--- What a company forbids beyond what roles leave out: hours, amounts, companies below, a password given long ago.
-- The rule rbac.authorize decides: after the permission, before the handler (`guard`), for people and keys of a company
-- that has policies. For all others nothing is asked. It only takes away, and where it fails it denies.
local carried = require("policies.carried")
local catalog = require("catalog.service")
local errors = require("core.errors")
local identity = require("identity.service")
local orders = require("wallets.orders")
local rights = require("users.rights")
local sessions = require("sessions.service")
local store = require("policies.store")
local users = require("users.service")
local v = require("core.validate")
local wallets = require("wallets.service")

local service = {}

local DEPTH_MAX <const> = 4 -- at which a body names a company
local CHANGES <const> = "companies:write" -- what changes policies
local SAYS <const> = {
  amount_limit = "A policy of your company limits the amount.",
  hours = "A policy of your company does not allow it at this hour.",
  other_company = "This is another company's.",
  own_company_only = "A policy of your company allows it in your own company only, not below.",
}
local STALE <const> = {
  code = "denied", type = "reauthentication_required",
  detail = "A policy of your company asks for your password or a code once more: POST /v1/auth/reauthenticate.",
}

local ENROL <const> = {
  code = "denied", type = "second_factor_required",
  detail = "Your company demands a second factor, and you have none: begin with POST /v1/auth/totp.",
}

-- Whose is what a path names?
local FIND <const> = {
  co = identity.company, deck = catalog.deck, key = identity.key, rol = rights.role, usr = users.user,
  top = orders.from_above, wal = wallets.wallet,
}

local function denial(reason)
  if reason == "reauthenticate" then
    return STALE
  end
  return { code = "denied", type = "policy_" .. reason, detail = SAYS[reason] }
end

-- When the person of this session last gave a password or a code.
local function reauthenticated_at(actor, session)
  if not session then
    return nil
  end
  local row, err = sessions.session(actor, session)
  if row then
    return row.reauthenticated_at
  end
  return nil, err.code ~= "not_found" and err or nil
end

---@class policies.Wish
---@field actor string
---@field session string?
---@field permission string
---@field company string  whose thing it is about
---@field amount string?  that it moves
---@field currency string?

---@param by policies.Carried
---@param what policies.Wish
---@return string? reason why not; "" when it may be
---@return table? err
local function ask(by, what)
  local fresh, answer, err
  if by.policy.fresh then
    fresh, err = reauthenticated_at(what.actor, what.session)
    if err then
      return nil, err
    end
  end
  answer, err = tg.rules.call("rbac.authorize", {
    actor = {
      id = what.actor, kind = tg.id.is(what.actor, "usr") and "user" or "key", company = by.company, roles = by.roles,
    },
    permission = what.permission,
    resource = {
      company = what.company, below = what.company ~= by.company or nil, amount = what.amount, currency = what.currency,
    },
    at = tg.time.now(), reauthenticated_at = fresh, policy = by.policy,
  })
  if answer then
    return answer.allow and "" or answer.reason or "refused"
  elseif err.code == "busy" then -- it is being loaded: a moment later it can be asked
    return nil, err
  end
  tg.log.error("policies_failed", { permission = what.permission, error = err.detail })
  return nil, {
    code = "denied", type = "policy_failed", detail = "The rule rbac.authorize failed, so it is not allowed.",
  }
end

-- The company that a body names somewhere, other than `own`.
local function other_company(value, own, depth)
  for name, element in pairs(value) do
    if (name == "company" or name == "parent") and tg.id.is(element, "co") and element ~= own then
      return element
    elseif type(element) == "table" and depth < DEPTH_MAX then
      local found = other_company(element, own, depth + 1)
      if found then
        return found
      end
    end
  end
end

-- Lines, each a value; or one value over several lines. What is neither nobody here could look into.
local function lines_of(text)
  local lines = {}
  for line in text:gmatch("[^\r\n]+") do
    local value = tg.json.decode(line)
    if value == nil then
      value = tg.json.decode(text)
      return value ~= nil and { value } or nil, not value and {
        code = "input", status = 400, type = "malformed_json", detail = "a line of the body is not JSON",
      } or nil
    end
    lines[#lines + 1] = value
  end
  return lines
end

-- What came, decoded; nil: no data that could name anything (a CSV file).
local function data_of(req, bodies)
  for _, shape in ipairs(bodies) do
    if shape.type == "application/x-ndjson" and (req:header("content-type") or ""):find(shape.type, 1, true) then
      return lines_of(req.body)
    end
  end
  for _, shape in ipairs(bodies) do
    if shape.json or shape.type:find("json", 1, true) then
      return req:json()
    end
  end
end

-- The amount a body moves: {amount, currency}, or a text in the currency that it, or its object, has.
local function amount_of(body, field, what)
  local amount, at = body[field], "/" .. field
  if type(amount) == "table" then
    amount, at, what.currency = amount.amount, at .. "/amount", amount.currency
  elseif body.currency then
    what.currency = body.currency
  end
  if amount == nil or amount == tg.json.null then
    return true
  end
  local moved, err = v.check(v.decimal(), type(amount) == "string" and amount:gsub("^%-", "") or amount)
  if not moved then
    return nil, errors.input(at, err.errors[1].detail)
  end
  what.amount = moved
  if not what.currency then
    local company
    company, err = identity.company(what.company)
    what.currency = company and company.currency
    return company and true, err
  end
  return true
end

-- Whose thing a request is about, and how much of what it moves.
local function look(route, req, by, what)
  local prefix, id = (route.api.ids or {}).id, req.params.id
  if FIND[prefix] and tg.id.is(id, prefix) then
    local row, err = FIND[prefix](id)
    if not row then
      return nil, err
    end
    what.company, what.currency = prefix == "co" and row.id or row.company, row.currency
    what.amount = row.amount and tostring(row.amount) -- an order says itself what it moves
  end
  local bodies <const> = route.api.body and (route.api.body[1] and route.api.body or { route.api.body }) or {}
  local body, err = data_of(req, bodies)
  if type(body) ~= "table" then
    return err == nil, err
  end
  what.company = other_company(body, by.company, 0) or what.company
  return amount_of(body, route.amount or "amount", what)
end

local function check(route, req, is_free)
  local by <const> = carried.unpack(req.policy)
  if by.must_enrol then
    return nil, ENROL
  elseif is_free or not by.policy then
    return true
  end
  local what <const> = {
    actor = req.principal.actor, session = req.principal.session, company = req.principal.company,
    permission = route.permission,
  }
  if by.policy.own_only or by.policy.amounts then
    local looked, err = look(route, req, by, what)
    if not looked then
      return nil, err
    end
  end
  local reason, err = ask(by, what)
  if reason == "" then
    return true
  end
  return nil, reason and denial(reason) or err
end

--- May whoever asks do by themselves what they approve for somebody else?
---@param req table
---@param what {permission: string, company: string, input: table}
---@return true? may, table? err
function service.check_deciding(req, what)
  local by <const> = req.policy and carried.unpack(req.policy) or {}
  if not by.policy then
    return true
  end
  local wish <const> = {
    actor = req.principal.actor, session = req.principal.session, company = what.company,
    permission = what.permission,
  }
  local looked, err = amount_of(what.input, "amount", wish)
  local reason
  if looked then
    reason, err = ask(by, wish)
  end
  if reason == "" then
    return true
  end
  return nil, reason and denial(reason) or err
end

--- A route's handler, behind the policies of whoever asks. What people do for themselves (me:…) is never forbidden, nor
-- what a route excepts with `no_policy = "the reason"`. `amount`: the field of the body that says how much is moved,
-- where it is not "amount". Where the company demands a second factor, who has none gets to me:… only, and there not to
-- what is `enrolled`.
---@param route table of app.lua
---@param handler fun(req: table): integer?, any, table?
---@return fun(req: table): integer?, any, table?
function service.guard(route, handler)
  local is_own <const> = route.permission ~= nil and route.permission:sub(1, 3) == "me:"
  if not route.permission or (is_own and not route.enrolled) then
    return handler
  end
  local is_free <const> = is_own or route.no_policy ~= nil
  return function(req)
    if req.policy then
      local allowed, err = check(route, req, is_free)
      if not allowed then
        return nil, err
      end
    end
    return handler(req)
  end
end

local function roles_of(actor, company)
  if tg.id.is(actor, "usr") then
    return rights.names_in(actor, company)
  end
  return {}
end

--- Would these policies still let the one who makes them change them again? Else they are refused.
---@param policies table
---@param principal {actor: string, session: string?}
---@param company string whose policies they are to be
---@return true? open, table? err
function service.check_open(policies, principal, company)
  local own, err = store.of(principal.actor)
  if not own or own.company ~= company then
    return own ~= nil, err
  end
  local roles
  roles, err = roles_of(principal.actor, company)
  if not roles then
    return nil, err
  end
  local reason
  reason, err = ask({ company = company, policy = policies, roles = roles }, {
    actor = principal.actor, session = principal.session, permission = CHANGES, company = company,
  })
  if reason == "" then
    return true
  elseif reason then
    local detail <const> = "would forbid you, as of now, to change them back (%s)"
    return nil, errors.input("/settings/policies", detail:format(reason))
  end
  return nil, err
end

--- What the policies say to something that roles allow; nil: the actor's company has none.
---@param what policies.Wish
---@return {company: string, allowed: boolean, reason: string?}? answer, table? err
function service.explain(what)
  local own, err = store.of(what.actor)
  if not own or not own.policies or not next(own.policies) then
    return nil, err
  end
  local roles
  roles, err = roles_of(what.actor, what.company)
  if not roles then
    return nil, err
  end
  local reason
  reason, err = ask({ company = own.company, policy = own.policies, roles = roles }, what)
  if not reason and err.type ~= "policy_failed" then
    return nil, err
  end
  return { company = own.company, allowed = reason == "", reason = reason ~= "" and (reason or "failed") or nil }
end

return service
