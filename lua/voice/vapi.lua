--- Vapi's messages to a server URL, read and answered.
-- docs.vapi.ai/server-url/events: {"message": {"type", "call", …}}; an answer is expected to `assistant-request` alone,
-- within 7.5 seconds: {"assistantId", "assistantOverrides"}, {"destination"}, or {"error"}, spoken to the caller.
-- Costs: docs.vapi.ai/api-reference (ServerMessageEndOfCallReport.costs), in USD. Pure.
local counted = require("voice.counted")

local vapi = {}

--- A call may be this long (Assistant.maxDurationSeconds of the API reference).
vapi.SHORTEST_S = 10
vapi.LONGEST_S = 43200

local DIRECTIONS <const> = { inboundPhoneCall = "inbound", outboundPhoneCall = "outbound" }
local BUSY <const> = { ["customer-busy"] = "busy", ["customer-did-not-answer"] = "no_answer" }
-- Reasons of a call that nobody has talked in, by their beginnings.
local FAILED <const> = {
  "assistant-request-", "assistant-not-", "call-start-error-", "call.start.error-", "twilio-failed-to-connect-call",
  "vonage-failed-to-connect-call", "customer-did-not-give-microphone-permission", "scheduled-call-deleted",
}
local SORRY <const> = "We are sorry, this call cannot be taken right now. Please try again later."

-- What each kind of cost counts, and which of our meters that usually is. The cost of a model stands with its prompt.
local COUNTS <const> = {
  transport = { "minutes" }, transcriber = { "minutes" }, model = { "promptTokens", "completionTokens" },
  voice = { "characters" }, vapi = { "minutes" }, analysis = { "promptTokens", "completionTokens" },
  chat = { "promptTokens", "completionTokens" }, ["knowledge-base"] = { "promptTokens", "completionTokens" },
  ["voicemail-detection"] = {
    "promptTextTokens", "promptAudioTokens", "completionTextTokens", "completionAudioTokens",
  },
}
local METERS <const> = {
  ["transport.minutes"] = "telephony.minutes", ["transcriber.minutes"] = "stt.minutes",
  ["model.promptTokens"] = "llm.tokens.in", ["model.completionTokens"] = "llm.tokens.out",
  ["voice.characters"] = "tts.characters", ["vapi.minutes"] = "vapi.minutes",
  ["analysis.promptTokens"] = "llm.analysis.tokens.in", ["analysis.completionTokens"] = "llm.analysis.tokens.out",
  ["knowledge-base.promptTokens"] = "llm.knowledge.tokens.in",
  ["knowledge-base.completionTokens"] = "llm.knowledge.tokens.out",
  ["voicemail-detection.promptTextTokens"] = "llm.voicemail.tokens.in",
  ["voicemail-detection.promptAudioTokens"] = "llm.voicemail.tokens.in",
  ["voicemail-detection.completionTextTokens"] = "llm.voicemail.tokens.out",
  ["voicemail-detection.completionAudioTokens"] = "llm.voicemail.tokens.out",
  ["chat.promptTokens"] = "llm.tokens.in", ["chat.completionTokens"] = "llm.tokens.out",
}

--- Our usual meter for what Vapi counts.
---@return string?
function vapi.meter(key)
  return METERS[key]
end

local function object(value)
  return type(value) == "table" and value or {}
end

local function text(value)
  return type(value) == "string" and value ~= "" and value or nil
end

local function time(value)
  return text(value) and tg.time.parse(value) or nil
end

-- Who calls whom; a call of a browser has no numbers.
local function numbers(message, call, direction)
  local customer <const> = text(object(message.customer).number) or text(object(call.customer).number)
  local ours <const> = text(object(message.phoneNumber).number) or text(object(call.phoneNumber).number)
  if direction == "outbound" then
    return ours, customer
  end
  return customer, ours
end

local function status_of(reason, duration_ms)
  if BUSY[reason] then
    return BUSY[reason]
  end
  for _, beginning in ipairs(FAILED) do
    if reason:sub(1, #beginning) == beginning then
      return "failed"
    end
  end
  return duration_ms > 0 and "answered" or "failed"
end

local function parts_of(costs)
  local parts = {}
  for _, element in ipairs(object(costs)) do
    local kind <const> = object(element).type
    local cost = counted.number(object(element).cost)
    for _, field in ipairs(COUNTS[kind] or {}) do
      local quantity <const> = counted.number(element[field])
      if quantity then
        parts[#parts + 1] = { key = kind .. "." .. field, quantity = quantity, cost = cost }
        cost = nil
      end
    end
  end
  return parts
end

local function ended(event, message, call)
  local started <const> = time(message.startedAt) or time(call.startedAt)
  local over <const> = time(message.endedAt) or time(call.endedAt)
  event.kind, event.answered_at, event.ended_at = "ended", started, over
  event.duration_ms = started and over and math.max((over - started) // 1000, 0) or 0
  event.status = status_of(text(message.endedReason) or text(call.endedReason) or "", event.duration_ms)
  event.parts = parts_of(message.costs or call.costs)
  return event
end

--- What a message says; nil: nothing that concerns us. kind "ask", "answered" or "ended".
---@param body any decoded
---@return table? event
function vapi.read(body)
  local message <const> = object(object(body).message)
  local call <const> = object(message.call)
  local kind <const>, direction <const> = message.type, DIRECTIONS[call.type]
  local from, to = numbers(message, call, direction)
  local event <const> = { call_id = text(call.id), from = from, to = to, direction = direction }
  if kind == "assistant-request" then
    event.kind, event.direction = "ask", direction or "inbound"
  elseif kind == "status-update" and message.status == "in-progress" then
    event.kind, event.answered_at = "answered", time(call.startedAt)
  elseif kind == "end-of-call-report" then
    return ended(event, message, call)
  end
  return event.kind and event or nil
end

--- The call may begin; it ends when the money does.
---@param settings table of an endpoint
---@param max_seconds integer
function vapi.allow(settings, max_seconds)
  return { assistantId = settings.agent_id, assistantOverrides = { maxDurationSeconds = max_seconds } }
end

function vapi.reject(settings)
  if settings.reject_forward_to then
    return { destination = { type = "number", phoneNumber = settings.reject_forward_to } }
  end
  return { error = settings.reject_message or SORRY }
end

--- Can an inbound call be taken at all?
function vapi.can_take(settings)
  return settings.agent_id ~= nil
end

return vapi
