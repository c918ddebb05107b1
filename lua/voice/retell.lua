--- Retell's webhooks, read and answered.
-- docs.retellai.com/features/inbound-call-webhook: {"event": "call_inbound", "call_inbound": {agent_id?, from_number,
-- to_number}} before there is a call, so without an id; answered within 10 seconds by {"call_inbound":
-- {override_agent_id, metadata, agent_override}}. Who gives no agent, to a number that has none, declines. The metadata
-- come back with the call: our name of it is in them.
-- docs.retellai.com/features/webhook: {"event": "call_started"|"call_ended"|…, "call"}; the call is that of
-- docs.retellai.com/api-references/get-call, its costs in US cents. Pure.
local counted = require("voice.counted")

local retell = {}

--- A call may be this long (max_call_duration_ms of the API reference).
retell.SHORTEST_S = 60
retell.LONGEST_S = 7200

local NAME <const> = "tollgate_call_id" -- in the metadata
local STATUS <const> = { dial_busy = "busy", dial_no_answer = "no_answer", dial_failed = "failed" }

--- Our usual meter for what Retell counts: the seconds of one of its products.
---@return string?
function retell.meter(key)
  local product <const> = key:lower():gsub("[^a-z0-9_.-]", "_")
  return product ~= "llm_tokens" and ("retell.product." .. product):sub(1, 64) or nil
end

local function object(value)
  return type(value) == "table" and value or {}
end

local function text(value)
  return type(value) == "string" and value ~= "" and value or nil
end

local function instant(value)
  return math.type(value) == "integer" and value > 0 and value < 1 << 43 and value * 1000 or nil
end

-- The same delivery, sent again, is the same call. Older payloads say no time: then the signature's stands for it.
local function name_of(inbound, body, raw, signed_at)
  local said <const> = body.event_timestamp and "" or signed_at
  local hash <const> = tg.crypto.hex(tg.crypto.sha256(raw .. "\0" .. said))
  return ("retell-%s"):format(hash:sub(1, 32)), text(inbound.from_number), text(inbound.to_number)
end

local function parts_of(call)
  local parts <const>, cost <const> = {}, object(call.call_cost)
  local seconds <const> = counted.number(cost.total_duration_seconds)
  for _, element in ipairs(object(cost.product_costs)) do
    local product <const>, cents <const> = text(object(element).product), counted.number(object(element).cost)
    if product and seconds and cents then
      parts[#parts + 1] = {
        key = product, quantity = seconds, cost = tg.decimal.muldiv(cents, 1, 100, 12, "half_up"),
      }
    end
  end
  local tokens <const> = object(call.llm_token_usage)
  local sum
  for _, value in ipairs(object(tokens.values)) do
    local number <const> = counted.number(value)
    sum = number and (sum or tg.decimal.new(0)) + number or sum
  end
  parts[#parts + 1] = sum and { key = "llm_tokens", quantity = sum }
  return parts
end

-- What the price pack asks for: how long the prompts were, on average.
local function properties_of(call)
  local average <const> = counted.number(object(call.llm_token_usage).average)
  return average and { prompt_tokens = tg.decimal.tointeger(tg.decimal.muldiv(average, 1, 1, 0, "half_up")) } or nil
end

local function ended(event, call)
  local reason <const> = text(call.disconnection_reason) or ""
  local started <const>, over <const> = instant(call.start_timestamp), instant(call.end_timestamp)
  local duration = math.type(call.duration_ms) == "integer" and call.duration_ms
  if not duration then
    duration = started and over and (over - started) // 1000 or 0
  end
  local talked <const> = started and duration > 0 and call.call_status ~= "not_connected" and not STATUS[reason]
  event.kind, event.answered_at, event.ended_at = "ended", started, over
  event.duration_ms = math.max(duration, 0)
  event.status = talked and "answered" or STATUS[reason] or "failed"
  event.parts, event.properties = parts_of(call), properties_of(call)
  return event
end

--- What a webhook says; nil: nothing that concerns us. kind "ask", "answered" or "ended".
---@param body any decoded
---@param raw string its bytes
---@param signed_at string
---@return table? event
function retell.read(body, raw, signed_at)
  body = object(body)
  if body.event == "call_inbound" then
    local inbound <const> = object(body.call_inbound)
    local name, from, to = name_of(inbound, body, raw, signed_at)
    local agent <const> = text(inbound.agent_id)
    return { kind = "ask", call_id = name, from = from, to = to, direction = "inbound", agent_id = agent }
  end
  local call <const> = object(body.call)
  local event <const> = {
    call_id = text(object(call.metadata)[NAME]) or text(call.call_id), from = text(call.from_number),
    to = text(call.to_number), direction = text(call.direction),
  }
  if body.event == "call_started" then
    event.kind, event.answered_at = "answered", instant(call.start_timestamp)
    return event
  end
  return body.event == "call_ended" and ended(event, call) or nil
end

--- The call may begin; it ends when the money does.
---@param settings table of an endpoint
---@param max_seconds integer
---@param call_id string
function retell.allow(settings, max_seconds, call_id)
  return {
    call_inbound = {
      override_agent_id = settings.agent_id, metadata = { [NAME] = call_id },
      agent_override = { agent = { max_call_duration_ms = max_seconds * 1000 } },
    },
  }
end

function retell.reject()
  return { call_inbound = {} }
end

--- Can an inbound call be taken at all?
function retell.can_take()
  return true
end

return retell
