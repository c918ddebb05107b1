require("helper")
local schema = require("calls.schema")
local v = require("core.validate")

local function first_fault(shape, body)
  local _, err = v.check(shape, body)
  return err and err.errors[1].pointer
end

local function with(base, changes)
  local body = {}
  for _, from in ipairs({ base, changes }) do
    for name, value in pairs(from) do
      body[name] = value
    end
  end
  return body
end

local list <const> = tg.json.array

describe("what a gateway sends", function()
  it("to authorize is as documented, or named where it is not", function()
    local base <const> = { call_id = "c-1", to = "+442079460000" }
    assert.same(base, (v.check(schema.authorize, base)))
    local full <const> = with(base, {
      from = "+12125550100", agent_id = "a-7", meters = list({ "call.seconds", "llm.tokens.in" }),
      direction = "outbound", properties = { model = "m", prompt_tokens = 7000, own_key = true },
      request_seconds = 86400, company = tg.id.new("co"),
    })
    assert.same(full, (v.check(schema.authorize, full)))
    for pointer, changes in pairs({
      ["/call_id"] = { call_id = "" },
      ["/to"] = { to = 442079460000 },
      ["/meters"] = { meters = list({}) },
      ["/meters/1"] = { meters = list({ "call.seconds", "call.seconds" }) },
      ["/meters/0"] = { meters = list({ "a meter" }) },
      ["/request_seconds"] = { request_seconds = 0 },
      ["/direction"] = { direction = "up" },
      ["/company"] = { company = "acme" },
      ["/agentid"] = { agentid = "a-7" },
      ["/properties/deep"] = { properties = { deep = {} } },
      ["/properties/long"] = { properties = { long = ("x"):rep(501) } },
      ["/properties/half"] = { properties = { half = 1.5 } },
    }) do
      assert.equal(pointer, first_fault(schema.authorize, with(base, changes)))
    end
  end)

  it("has names of calls that can stand in a path", function()
    for _, name in ipairs({ "c-1", "a/b", "Ünï", "call#7?", "..x", ("x"):rep(200) }) do
      assert.is_true(schema.is_call_id(name), name)
    end
    for _, name in ipairs({ "", ".", "..", "a b", " ", "a\nb", ("x"):rep(201), "\xff" }) do
      assert.is_false(schema.is_call_id(name), name)
    end
  end)

  it("has fifty meters at most", function()
    local meters = list({})
    for i = 1, 51 do
      meters[i] = "meter." .. i
    end
    assert.equal("/meters", first_fault(schema.authorize, { call_id = "c", to = "1", meters = meters }))
  end)

  it("to renew counts from one and is cumulative", function()
    local base <const> = { seq = 1, elapsed_seconds = 45 }
    assert.same(base, (v.check(schema.renew, base)))
    for pointer, changes in pairs({
      ["/seq"] = { seq = 0 },
      ["/elapsed_seconds"] = { elapsed_seconds = -1 },
      ["/answered_at"] = { answered_at = "now" },
      ["/request_seconds"] = { request_seconds = 86401 },
    }) do
      assert.equal(pointer, first_fault(schema.renew, with(base, changes)))
    end
    assert.equal("/seq", first_fault(schema.renew, { elapsed_seconds = 45 }))
  end)

  it("to settle names each meter once, and the seconds by the duration", function()
    local base <const> = { duration_ms = 61000, status = "answered" }
    local function used(...)
      return with(base, { usage = list({ ... }) })
    end
    local tokens <const> = { meter = "llm.tokens.in", quantity = "5120" }
    assert.is_nil(first_fault(schema.settle, used(tokens, { meter = "tts", quantity = "0.5" })))
    assert.equal("/usage/1/meter", first_fault(schema.settle, used(tokens, tokens)))
    assert.equal("/usage/0/meter", first_fault(schema.settle, used({ meter = "call.seconds", quantity = "61" })))
    assert.equal("/usage/0/quantity", first_fault(schema.settle, used({ meter = "tts", quantity = "-1" })))
    assert.equal("/usage/0/quantity", first_fault(schema.settle, used({ meter = "tts", quantity = 1 })))
    assert.equal("/usage/0/provider_cost/currency", first_fault(schema.settle, used({
      meter = "tts", quantity = "1", provider_cost = { amount = "1", currency = "XXX" },
    })))
    assert.equal("/duration_ms", first_fault(schema.settle, with(base, { duration_ms = -1 })))
    assert.equal("/status", first_fault(schema.settle, with(base, { status = "Busy" })))
  end)
end)
