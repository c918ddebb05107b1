--- Calls that Vapi or Retell carries: a call comes in and they ask, it is answered, it is over.
-- The money for the longest that a call may be is held at its beginning, because they do not ask again; the provider is
-- told to end the call when it is used up. Nor can such a call be stopped from here: there is no renewal to say it in.
-- A call that nobody has asked for (outgoing ones; one that was let in while
-- the engine was busy) is charged at its end, as usage with an identity of its own: once, however often it is told.
local counted = require("voice.counted")
local endpoints = require("voice.endpoints")
local errors = require("core.errors")
local schema = require("calls.schema")
local signature = require("voice.signature")

local service = {}

local PROVIDERS <const> = { vapi = require("voice.vapi"), retell = require("voice.retell") }
local DECIDE_MS <const> = 5000 -- Vapi waits for 7.5 s, Retell for 10 s

local BAD_SIGNATURE <const> = {
  code = "denied", type = "bad_signature",
  detail = "This is not signed, or not with the secret of this endpoint, or not within the last five minutes.",
}

--- What a provider has sent, and by whom; from here on the request works for the endpoint's company.
---@return {provider: string, settings: table, company: string}? endpoint, any body_or_err
function service.open(provider, id, req)
  local endpoint, secret = endpoints.addressed(id, provider)
  if not endpoint then
    return nil, secret
  end
  local function header(name)
    return req:header(name)
  end
  if not signature[provider](endpoint.settings.authentication, secret, header, req.body, tg.time.now()) then
    return nil, BAD_SIGNATURE
  end
  tg.assume(endpoint.company)
  local body, err = tg.json.decode_rounded(req.body)
  if err then
    return nil, { code = "input", status = 400, type = "malformed_json", detail = err.detail }
  end
  return { id = id, provider = provider, settings = endpoint.settings, company = endpoint.company }, body
end

local function meter_of(endpoint)
  local own <const>, usual <const> = endpoint.settings.meters, PROVIDERS[endpoint.provider].meter
  return own and function(key)
    return own[key]
  end or usual
end

-- What is held for: seconds, and the meters that the endpoint names.
local function meters(endpoint)
  local list, seen = tg.json.array({}), {}
  if endpoint.settings.charge_seconds then
    list[1] = schema.SECONDS
  end
  for _, meter in pairs(endpoint.settings.meters or {}) do
    if not seen[meter] then
      seen[meter], list[#list + 1] = true, meter
    end
  end
  table.sort(list)
  return list[1] and list or nil
end

local function longest_s(endpoint)
  return math.min(endpoint.settings.max_minutes * 60, PROVIDERS[endpoint.provider].LONGEST_S)
end

local function authorize(endpoint, call)
  return tg.calls.authorize({
    company = endpoint.company, call_id = call.call_id, from = call.from, to = call.to or "none",
    direction = call.direction, agent_id = endpoint.settings.agent_id or call.agent_id, meters = meters(endpoint),
    request_seconds = longest_s(endpoint),
  })
end

-- Too short for the provider to keep to: nothing is held for it any longer.
local function give_up(endpoint, call)
  local done, err = tg.calls.settle({
    company = endpoint.company, call_id = call.call_id, duration_ms = 0, status = "rejected",
  })
  if not done then
    tg.log.warn("voice_call_not_released", { endpoint = endpoint.id, call = call.call_id, error = err.detail })
  end
end

--- May a call come in? The provider's own words for yes or no.
---@return table answer
local function ask(endpoint, call)
  local provider <const>, settings <const> = PROVIDERS[endpoint.provider], endpoint.settings
  if not provider.can_take(settings) then
    return provider.reject(settings)
  end
  local answer, err = tg.within(DECIDE_MS, authorize, endpoint, call)
  if not answer then
    local undecided <const> = err.code ~= "input" and err.code ~= "conflict" and err.code ~= "not_found"
    local is_allowed <const> = undecided and settings.when_busy == "allow"
    tg.log.warn("voice_call_undecided", {
      endpoint = endpoint.id, call = call.call_id, error = err.detail, is_allowed = is_allowed,
    })
    return is_allowed and provider.allow(settings, longest_s(endpoint), call.call_id) or provider.reject(settings)
  end
  local decided <const> = assert(tg.json.decode(answer))
  if decided.decision ~= "allow" then
    return provider.reject(settings)
  elseif decided.max_seconds < provider.SHORTEST_S then
    give_up(endpoint, call)
    return provider.reject(settings)
  end
  return provider.allow(settings, math.min(decided.max_seconds, longest_s(endpoint)), call.call_id)
end

local function answered(endpoint, call)
  local done, err = tg.calls.renew({
    company = endpoint.company, call_id = call.call_id, seq = 1, answered_at = call.answered_at, elapsed_seconds = 0,
    request_seconds = longest_s(endpoint),
  })
  if not done and err.code ~= "not_found" then
    return nil, err
  end
  return true
end

local function seconds_of(ms)
  return tostring(tg.decimal.muldiv(ms, 1, 1000, 3, "half_up"))
end

-- The rows of a call that was never authorized.
local function events_of(endpoint, call, usage)
  local at <const> = tg.time.format(call.ended_at or call.answered_at or tg.time.now())
  local events <const> = tg.json.array({})
  local function add(meter, quantity, cost, properties)
    events[#events + 1] = {
      event_id = call.call_id .. "/" .. meter, source = endpoint.provider, meter = meter, event_time = at,
      quantity = quantity, provider_cost = cost, properties = properties, company = endpoint.company,
      call_id = call.call_id,
    }
  end
  if endpoint.settings.charge_seconds then
    local properties <const> = {
      to = call.to, from = call.from, direction = call.direction, status = call.status, duration_ms = call.duration_ms,
      answered_at = call.answered_at and tg.time.format(call.answered_at), agent_id = endpoint.settings.agent_id,
    }
    for name, value in pairs(call.properties or {}) do
      properties[name] = value
    end
    add(schema.SECONDS, seconds_of(call.duration_ms), nil, properties)
  end
  for _, row in ipairs(usage) do
    add(row.meter, row.quantity, row.provider_cost)
  end
  return events
end

local function charge_unasked(endpoint, call, usage)
  local events <const> = events_of(endpoint, call, usage)
  if call.status ~= "answered" or not events[1] then
    return true
  end
  local result, err = tg.usage.ingest(tg.json.encode(events))
  if not result then
    return nil, err
  end
  local first <const> = result.rejected[1]
  if first then
    tg.log.warn("voice_usage_rejected", {
      endpoint = endpoint.id, call = call.call_id, rejected = #result.rejected, error = first.detail,
    })
  end
  return true
end

local function ended(endpoint, call)
  local usage <const> = counted.usage(call.parts, meter_of(endpoint))
  local done, err = tg.calls.settle({
    company = endpoint.company, call_id = call.call_id, answered_at = call.answered_at, duration_ms = call.duration_ms,
    status = call.status, usage = usage, properties = call.properties and tg.json.encode(call.properties),
  })
  if done then
    return true
  elseif err.code == "not_found" then
    return charge_unasked(endpoint, call, usage)
  end
  return nil, err.pointer and errors.refused("unusable_report", err.detail) or err
end

local HANDLED <const> = { answered = answered, ended = ended }

--- What a provider has said, handled.
---@param endpoint table as service.open gave it
---@return table|boolean|nil answer  true: there is none to give, table? err
function service.handle(endpoint, body, req)
  local signed_at <const> = (req:header("x-retell-signature") or ""):match("^v=(%d+)") or ""
  local call <const> = PROVIDERS[endpoint.provider].read(body, req.body, signed_at)
  if not call then
    return true
  elseif not call.call_id or not schema.is_call_id(call.call_id) then
    return nil, errors.refused("unusable_report", "It does not say which call it is about.")
  elseif call.kind == "ask" then
    return ask(endpoint, call)
  end
  return HANDLED[call.kind](endpoint, call)
end

return service
