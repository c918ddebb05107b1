local counted = require("voice.counted")
local retell = require("voice.retell")
local vapi = require("voice.vapi")

local d <const> = tg.decimal.new

-- The sums of what was counted, as text.
local function usage(event, meter_of)
  local list = {}
  for i, row in ipairs(counted.usage(event.parts, meter_of)) do
    list[i] = ("%s %s %s"):format(row.meter, row.quantity, row.provider_cost and row.provider_cost.amount or "-")
  end
  return list
end

describe("Vapi's messages", function()
  local function message(kind, fields)
    fields.type = kind
    fields.call = fields.call or { id = "v-1", type = "inboundPhoneCall" }
    fields.customer, fields.phoneNumber = { number = "+12125550187" }, { number = "+12125550100" }
    return { message = fields }
  end

  it("ask for an assistant", function()
    local event = vapi.read(message("assistant-request", {}))
    assert.same({
      kind = "ask", call_id = "v-1", from = "+12125550187", to = "+12125550100", direction = "inbound",
    }, event)
  end)

  it("say that a call is answered, and nothing by other states", function()
    assert.equal("answered", vapi.read(message("status-update", { status = "in-progress" })).kind)
    for _, status in ipairs({ "queued", "ringing", "forwarding", "ended", 7 }) do
      assert.is_nil(vapi.read(message("status-update", { status = status })))
    end
  end)

  it("call outwards the other way round", function()
    local event = vapi.read(message("end-of-call-report", { call = { id = "v-1", type = "outboundPhoneCall" } }))
    assert.same({ "+12125550100", "+12125550187", "outbound" }, { event.from, event.to, event.direction })
  end)

  it("end as long after the answer as they say", function()
    local event = vapi.read(message("end-of-call-report", {
      startedAt = "2026-11-22T10:00:04.400Z", endedAt = "2026-11-22T10:01:27.800Z", endedReason = "customer-ended-call",
    }))
    assert.same({ 83400, "answered" }, { event.duration_ms, event.status })
  end)

  for reason, status in pairs({
    ["customer-busy"] = "busy", ["customer-did-not-answer"] = "no_answer", ["assistant-request-failed"] = "failed",
    ["call.start.error-fraud-check-failed"] = "failed", ["silence-timed-out"] = "answered",
  }) do
    it("end with " .. reason .. " as " .. status, function()
      local event = vapi.read(message("end-of-call-report", {
        startedAt = "2026-11-22T10:00:00Z", endedAt = "2026-11-22T10:00:05Z", endedReason = reason,
      }))
      assert.equal(status, event.status)
    end)
  end

  it("count parts of one meter together, the cost of a model with its prompt", function()
    local event = vapi.read(message("end-of-call-report", {
      costs = {
        { type = "model", promptTokens = 100, completionTokens = 10, cost = d("0.01") },
        { type = "model", promptTokens = 50, completionTokens = 0, cost = d("0.005") },
        { type = "voice", characters = 7 }, { type = "analysis", promptTokens = 0, completionTokens = 0, cost = 0 },
        { type = "knowledge-base", promptTokens = 0, cost = d("0.001") },
        { type = "transport", minutes = d("1.5"), cost = d("0.02") },
      },
    }))
    assert.same({
      "llm.tokens.in 150 0.015", "llm.tokens.out 10 -", "tts.characters 7 -", "llm.knowledge.tokens.in 0 0.001",
      "telephony.minutes 1.5 0.02",
    }, usage(event, vapi.meter))
    assert.same({ "words 7 -" }, usage(event, function(key)
      return ({ ["voice.characters"] = "words" })[key]
    end))
  end)

  it("have no strange counts", function()
    local event = vapi.read(message("end-of-call-report", {
      costs = {
        "x", 7, { type = {} }, { type = "none" }, { type = "voice", characters = "7" },
        { type = "voice", characters = -7, cost = -1 }, { type = "voice", characters = 1.5 },
      },
    }))
    assert.same({}, event.parts)
  end)

  it("are nothing when they are no messages", function()
    for _, body in ipairs({ 7, "x", {}, { message = 7 }, { message = { type = {}, call = 7 } }, { message = {} } }) do
      assert.is_nil(vapi.read(body))
    end
    assert.is_nil(vapi.read(nil))
    assert.is_nil(vapi.read(tg.json.null))
  end)

  it("are answered with an assistant, a number or a sentence", function()
    local let_in <const> = { assistantId = "a", assistantOverrides = { maxDurationSeconds = 33 } }
    assert.same(let_in, vapi.allow({ agent_id = "a" }, 33))
    assert.same({ error = "no" }, vapi.reject({ reject_message = "no" }))
    assert.same({ destination = { type = "number", phoneNumber = "+1" } }, vapi.reject({ reject_forward_to = "+1" }))
  end)
end)

describe("Retell's webhooks", function()
  local INBOUND <const> = { event = "call_inbound", event_timestamp = 7, call_inbound = {
    from_number = "+12125550187", to_number = "+12125550100", agent_id = "agent-1",
  } }

  it("ask without an id, and get the same one when they ask again", function()
    local event = retell.read(INBOUND, "bytes", "1")
    assert.same({ "ask", "inbound", "agent-1" }, { event.kind, event.direction, event.agent_id })
    assert.equal(event.call_id, retell.read(INBOUND, "bytes", "2").call_id)
    assert.not_equal(event.call_id, retell.read(INBOUND, "other bytes", "1").call_id)
  end)

  it("are told apart by the signature's time when they say none themselves", function()
    local timeless <const> = { event = "call_inbound", call_inbound = INBOUND.call_inbound }
    local event = retell.read(timeless, "bytes", "1")
    assert.equal(event.call_id, retell.read(timeless, "bytes", "1").call_id)
    assert.not_equal(event.call_id, retell.read(timeless, "bytes", "2").call_id)
  end)

  local function ended(fields)
    local call = {
      call_id = "call_1", from_number = "+1", to_number = "+2", direction = "outbound", start_timestamp = 1795341604400,
      end_timestamp = 1795341687800, duration_ms = 83400,
    }
    for name, value in pairs(fields or {}) do
      call[name] = value
    end
    return retell.read({ event = "call_ended", call = call }, "", "1")
  end

  it("name a call as we did", function()
    assert.equal("call_1", ended().call_id)
    assert.equal("retell-7", ended({ metadata = { tollgate_call_id = "retell-7" } }).call_id)
    assert.equal("call_1", ended({ metadata = { tollgate_call_id = 7 } }).call_id)
  end)

  it("end with what was talked", function()
    assert.same({ 83400, "answered" }, { ended().duration_ms, ended().status })
    assert.equal("busy", ended({ disconnection_reason = "dial_busy" }).status)
    assert.equal("failed", ended({ call_status = "not_connected" }).status)
    assert.equal("failed", ended({ start_timestamp = tg.json.null }).status)
  end)

  it("count products in seconds, and cents", function()
    local event = ended({
      call_cost = {
        total_duration_seconds = 84,
        product_costs = {
          { product = "ElevenLabs TTS", cost = d("9.8") }, { product = "gpt", cost = 1 }, { cost = 1 },
        },
      },
      llm_token_usage = { values = { 10, 20 }, average = d("15.5") },
    })
    assert.same({ "retell.product.elevenlabs_tts 84 0.098", "retell.product.gpt 84 0.01" }, usage(event, retell.meter))
    assert.same({ prompt_tokens = 16 }, event.properties)
  end)

  it("say nothing of money otherwise", function()
    for _, kind in ipairs({ "call_analyzed", "transcript_updated", "chat_inbound", 7 }) do
      assert.is_nil(retell.read({ event = kind, call = { call_id = "x" } }, "", "1"))
    end
    assert.is_nil(retell.read(tg.json.null, "", ""))
  end)
end)
