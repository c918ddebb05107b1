local handler = require("voice.handler")
local script = require("helper")
local secrets = require("secrets.service")

local ids <const> = script.ids
local VOICE <const> = tg.id.new("voi")
local SECRET <const> = "0123456789abcdef"

local function settings(more)
  local all = {
    authentication = "secret", charge_seconds = true, max_minutes = 30, when_busy = "reject", agent_id = "asst-1",
  }
  for name, value in pairs(more or {}) do
    all[name] = value
  end
  return all
end

-- What the engine is asked, and what it answers.
local function engine(answers)
  local asked = {}
  tg.calls, tg.usage = {}, { ingest = function(text)
    asked.usage = tg.json.decode(text)
    return { rejected = {} }
  end }
  for verb, answer in pairs(answers) do
    tg.calls[verb] = function(what)
      asked[verb] = what
      return table.unpack(answer, 1, 2)
    end
  end
  return asked
end

describe("what Vapi sends", function()
  local kept <const>, assume <const>, usage <const> = secrets.get, tg.assume, tg.usage
  local given = SECRET

  before_each(function()
    tg.assume = function(company)
      assert.equal(ids.child, company)
    end
    secrets.get = function(owner, name)
      assert.same({ VOICE, "webhook" }, { owner, name })
      return given
    end
  end)

  after_each(function()
    secrets.get, given, tg.assume = kept, SECRET, assume
    tg.calls, tg.usage = nil, usage
    script.finish()
  end)

  local function send(message, more)
    local row <const> = { id = VOICE, company = ids.child, settings = settings(more) }
    script.expect("addressed_endpoint", row, nil, function(args)
      assert.same({ VOICE, "vapi" }, { args.id, args.provider })
    end)
    return handler.vapi(script.request({
      params = { id = VOICE }, headers = { ["x-vapi-secret"] = SECRET }, text = tg.json.encode({ message = message }),
    }))
  end

  local ASK <const> = { type = "assistant-request", call = { id = "v-1" }, phoneNumber = { number = "+12125550100" } }
  local ENDED <const> = {
    type = "end-of-call-report", call = { id = "v-1", type = "outboundPhoneCall" },
    customer = { number = "+442079460000" },
    startedAt = "2026-11-22T10:00:00Z", endedAt = "2026-11-22T10:01:00Z",
    costs = { { type = "voice", characters = 7 } },
  }

  it("holds the longest that a call may be", function()
    local asked = engine({ authorize = { '{"decision":"allow","max_seconds":1800}', false } })
    local status, answer = send(ASK)
    assert.same({ assistantId = "asst-1", assistantOverrides = { maxDurationSeconds = 1800 } }, answer)
    assert.equal(200, status)
    assert.same({ ids.child, "v-1", "+12125550100", 1800 }, {
      asked.authorize.company, asked.authorize.call_id, asked.authorize.to, asked.authorize.request_seconds,
    })
  end)

  it("is nothing without the secret", function()
    given = SECRET .. "1"
    local status, err = send(ASK)
    assert.same({ nil, "bad_signature" }, { status, err.type })
  end)

  it("gives a hold back that no provider can keep to", function()
    local asked = engine({ authorize = { '{"decision":"allow","max_seconds":9}', false }, settle = { "{}", false } })
    local _, answer = send(ASK)
    assert.is_string(answer.error)
    assert.same({ "v-1", 0, "rejected" }, { asked.settle.call_id, asked.settle.duration_ms, asked.settle.status })
  end)

  it("lets nobody in without a decision, unless the endpoint says so", function()
    local BUSY <const> = { nil, { code = "busy", detail = "later" } }
    engine({ authorize = BUSY })
    assert.is_string(select(2, send(ASK)).error)
    engine({ authorize = BUSY })
    assert.equal("asst-1", select(2, send(ASK, { when_busy = "allow" })).assistantId)
    engine({ authorize = { nil, { code = "conflict", type = "call_exists", detail = "another" } } })
    assert.is_string(select(2, send(ASK, { when_busy = "allow" })).error)
  end)

  it("settles a call, and charges one that was never asked for as usage", function()
    local asked = engine({ settle = { "{}", false } })
    assert.equal(204, send(ENDED))
    assert.same({ 60000, "answered", { { meter = "tts.characters", quantity = "7" } } }, {
      asked.settle.duration_ms, asked.settle.status, asked.settle.usage,
    })
    assert.is_nil(asked.usage)
    asked = engine({ settle = { nil, { code = "not_found", detail = "none" } } })
    assert.equal(204, send(ENDED))
    assert.same({ "v-1/call.seconds", "vapi", "60", "+442079460000" }, {
      asked.usage[1].event_id, asked.usage[1].source, asked.usage[1].quantity, asked.usage[1].properties.to,
    })
    assert.same({ "v-1/tts.characters", "7", ids.child }, {
      asked.usage[2].event_id, asked.usage[2].quantity, asked.usage[2].company,
    })
  end)

  it("is to be sent again when the engine is busy", function()
    engine({ settle = { nil, { code = "busy", detail = "later" } } })
    local status, err = send(ENDED)
    assert.same({ nil, "busy" }, { status, err.code })
  end)
end)
