local handler = require("calls.handler")
local script = require("helper")

local ids = script.ids
local CALL_ID <const> = tg.id.new("call")

local function row(fields)
  local call = {
    id = CALL_ID, company = ids.child, call_id = "c-1", state = "open",
    request = { to = "+442079460000", from = "+12125550100" }, opened_at = 0, expires_at = 120000000, seq = 0,
    used_s = 0, granted_s = 60, held = tg.decimal.new("0.012"), debited = tg.decimal.new(0),
    overrun = tg.decimal.new(0), currency = "USD", rule_bundle = "\xab\xcd", deck = ids.deck, deck_version = 3,
    plan_id = ("p"):rep(16),
  }
  for name, value in pairs(fields or {}) do
    call[name] = value
  end
  return call
end

-- What the engine is asked, and what it answers.
local function engine(answers)
  local asked = {}
  tg.calls = {}
  for verb, answer in pairs(answers) do
    tg.calls[verb] = function(what)
      asked[verb] = what
      return table.unpack(answer, 1, 2)
    end
  end
  return asked
end

local function call_request(options)
  options.params = { call_id = options.call_id or "c-1" }
  return script.request(options)
end

describe("requests of a gateway", function()
  after_each(function()
    tg.calls = nil
    script.finish()
  end)

  it("send the engine's bytes as they are", function()
    local asked = engine({ authorize = { '{"decision":"deny"}', false } })
    local status, body, headers = handler.authorize(script.request({
      body = { call_id = "c-1", to = "+442079460000", properties = { model = "m" }, request_seconds = 30 },
    }))
    assert.equal(200, status)
    assert.equal('{"decision":"deny"}', body)
    assert.same({ ["content-type"] = "application/json" }, headers)
    assert.same({ call_id = "c-1", to = "+442079460000", properties = '{"model":"m"}', request_seconds = 30 },
      asked.authorize)
  end)

  it("say of an answer that it was given before", function()
    engine({ settle = { "{}", true } })
    local _, _, headers = handler.settle(call_request({ body = { duration_ms = 0, status = "busy" } }))
    assert.equal("true", headers["idempotency-replayed"])
  end)

  it("take the call from the path", function()
    local asked = engine({ renew = { "{}", false }, settle = { "{}", false } })
    handler.renew(call_request({ call_id = "a/b", body = { seq = 2, elapsed_seconds = 90 } }))
    assert.same({ call_id = "a/b", seq = 2, elapsed_seconds = 90 }, asked.renew)
    handler.settle(call_request({
      body = {
        duration_ms = 61000, status = "answered", answered_at = "1970-01-01T00:00:01Z",
        usage = tg.json.array({ { meter = "tts", quantity = "7" } }),
      },
    }))
    assert.equal(1000000, asked.settle.answered_at)
    assert.same({ { meter = "tts", quantity = "7" } }, asked.settle.usage)
    assert.is_nil(asked.settle.properties)
  end)

  it("pass on what the engine says", function()
    engine({
      authorize = { nil, { code = "conflict", type = "call_exists", detail = "…" } },
      renew = { nil, { code = "not_found", detail = "…" } },
      settle = { nil, { code = "input", pointer = "/usage/0/meter", detail = "is none" } },
    })
    local _, err = handler.authorize(script.request({ body = { call_id = "c", to = "1" } }))
    assert.equal("call_exists", err.type)
    _, err = handler.renew(call_request({ body = { seq = 1, elapsed_seconds = 0 } }))
    assert.equal("not_found", err.code)
    _, err = handler.settle(call_request({ body = { duration_ms = 0, status = "busy" } }))
    assert.same({ { pointer = "/usage/0/meter", detail = "is none" } }, err.errors)
  end)

  it("do not ask about what can be no call", function()
    engine({})
    for _, verb in ipairs({ "renew", "settle", "stop" }) do
      local status, err = handler[verb](call_request({ call_id = "..", body = {} }))
      assert.is_nil(status)
      assert.equal("not_found", err.code)
    end
  end)
end)

describe("requests about calls", function()
  after_each(script.finish)

  it("show money live, and null where there is nothing", function()
    script.expect("calls_of_company", { row() })
    local status, body = handler.calls(script.request({ query = { company = ids.child } }))
    assert.equal(200, status)
    local call = body.data[1]
    assert.same({ amount = "0.012", currency = "USD" }, call.held)
    assert.same({ amount = "0", currency = "USD" }, call.debited)
    assert.equal(tg.json.null, call.charge)
    assert.same({ "call.seconds" }, call.meters)
    assert.equal("abcd", call.rule_bundle)
    assert.equal("1970-01-01T00:02:00Z", call.expires_at)
  end)

  it("list what is open by its own index, and go on behind the cursor", function()
    script.expect("open_calls", { row(), row() })
    local query = { state = "open", limit = "1" }
    local _, first = handler.calls(script.request({ query = query }))
    query.cursor = first.next_cursor
    script.expect("open_calls", {}, nil, function(args)
      assert.equal(ids.child, args.after)
      assert.equal(CALL_ID, args.before)
    end)
    assert.equal(tg.json.null, select(2, handler.calls(script.request({ query = query }))).next_cursor)
  end)

  it("walk from company to company", function()
    script.expect("next_company_with_calls", { company = ids.own })
    script.expect("calls_of_company", { row() }, nil, function(args)
      assert.equal("+4420", args.to_number)
      assert.equal("open", args.state or "open")
    end)
    script.expect("next_company_with_calls", nil)
    local status, body = handler.calls(script.request({ query = { to_number = "+4420" } }))
    assert.equal(200, status)
    assert.equal(1, #body.data)
  end)

  it("refuse filters that are wrong", function()
    for name, value in pairs({ state = "closed", from = "today", to_number = "", number = "1" }) do
      local _, err = handler.calls(script.request({ query = { [name] = value } }))
      assert.equal("?" .. name, err.errors[1].pointer)
    end
    local day <const> = "2026-07-14T00:00:00Z"
    local _, err = handler.calls(script.request({ query = { from = day, to = day } }))
    assert.equal("?to", err.errors[1].pointer)
  end)

  it("show one by the gateway's name, with all there is", function()
    script.expect("call", row({
      state = "settled", charge = tg.decimal.new("0.024"), status = "answered", duration_ms = 61000,
      settle_answer = '{"lines":[{"meter":"call.seconds"},{"meter":"llm.tokens.in"}]}',
    }), nil, function(args)
      assert.equal(ids.own, args.company)
      assert.equal("c-1", args.call_id)
    end)
    script.expect("call_usage", {
      {
        id = ids.usage, meter = "call.seconds", quantity = tg.decimal.new(61), status = "rated", billed_s = 120,
        amount = tg.decimal.new("0.024"), currency = "USD",
        rating = { lines = { { kind = "usage", row = 7, amount = "0.024" } } },
      },
    }, nil, function(args)
      assert.equal(2, #args.keys)
    end)
    script.expect("call_debits", {
      { seq = 1, amount = tg.decimal.new("0.012"), entry = tg.id.new("ent"), created_at = 0 },
    })
    script.expect("call_plan", { currency = "USD", timezone = "UTC", pricing = { charge_decimals = 4 } })
    script.expect("corrections_of_call", {})
    local status, body = handler.call(call_request({}))
    assert.equal(200, status)
    assert.same({ { kind = "usage", row = 8, amount = "0.024", meter = "call.seconds" } }, body.lines)
    assert.equal("61", body.usage[1].quantity)
    assert.same({ amount = "0.012", currency = "USD" }, body.debits[1].amount)
    assert.equal(4, body.plan.pricing.charge_decimals)
    assert.equal(tg.json.null, body.late)
  end)

  it("find one by our id, wherever it is", function()
    script.expect("call", nil)
    script.expect("call_by_id", row())
    script.expect("call_usage", {})
    script.expect("call_debits", {})
    script.expect("call_plan", nil)
    script.expect("corrections_of_call", {})
    local status, body = handler.call(call_request({ call_id = CALL_ID }))
    assert.equal(200, status)
    assert.equal("c-1", body.call_id)
    assert.equal(tg.json.null, body.plan)
  end)

  it("tell nobody of what is not theirs", function()
    script.expect("call", nil)
    script.expect("call_by_id", nil)
    local _, err = handler.call(call_request({ call_id = CALL_ID }))
    assert.equal("not_found", err.code)
  end)

  it("are not taken for another whose id somebody gave as a name", function()
    script.expect("call", row({ id = tg.id.new("call"), call_id = CALL_ID, state = "settled" }))
    local _, err = handler.stop(call_request({ call_id = CALL_ID, body = {} }))
    assert.equal("call_closed", err.type)
  end)

  it("mark a call to be stopped, once", function()
    script.expect("call", row())
    script.expect("stop_call", 1, nil, function(args)
      assert.equal("supervisor", args.reason)
    end)
    script.expect("call_by_id", row({ stop_reason = "supervisor" }))
    local status, body = handler.stop(call_request({ body = { reason = "supervisor" } }))
    assert.equal(200, status)
    assert.equal("supervisor", body.stop_reason)
    assert.equal("calls.stop", script.audited[1].action)
    script.expect("call", row({ stop_reason = "supervisor" }))
    script.expect("stop_call", 0)
    script.expect("call_by_id", row({ stop_reason = "supervisor" }))
    assert.equal(200, (handler.stop(call_request({ body = {} }))))
    assert.equal(1, #script.audited)
  end)

  it("stop nothing that is over", function()
    script.expect("call", row({ state = "settled" }))
    local _, err = handler.stop(call_request({ body = {} }))
    assert.equal("call_closed", err.type)
  end)
end)
