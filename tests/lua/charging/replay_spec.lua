local replay = require("charging.replay")
local script = require("helper")

local ids = script.ids
local BUNDLE <const> = ("ab"):rep(32)

local function row(fields)
  local r = {
    meter = "call.seconds", event_id = "e1", event_time = 7, quantity = tg.decimal.new("61"), status = "rated",
    properties = '{"to":"+12125550100","score":0.5,"note":null}', amount = tg.decimal.new("0.024"), currency = "USD",
    rule_bundle = ("\xab"):rep(32), deck = ids.deck, deck_version = 3,
  }
  for name, value in pairs(fields or {}) do
    r[name] = value
  end
  return r
end

local function company(pricing)
  return { currency = "USD", timezone = "Europe/Rome", country = "IT", pricing = pricing }
end

-- Rules that answer `result`, or fail.
local function rules(result, err)
  local asked = {}
  tg.decks = {
    get = function(id, version)
      asked.deck = id .. " " .. version
      return "the deck"
    end,
  }
  tg.rules = {
    load = function(id)
      asked.loaded = id
      return asked.load_err == nil, asked.load_err
    end,
    call = function(hook, input, options)
      asked.hook, asked.input, asked.options = hook, input, options
      return result, err
    end,
  }
  return asked
end

describe("the rules that priced an event", function()
  after_each(function()
    tg.rules, tg.decks = nil, nil
  end)

  it("are asked again with the bundle and the deck of then", function()
    local asked = rules({ status = "rated", total = tg.decimal.new("0.024") })
    local replayed = replay.run(row(), company({ rounding = "up", windows = tg.json.null }))
    assert.is_true(replayed.same)
    assert.equal("0.024", tostring(replayed.total))
    assert.same({ BUNDLE, ids.deck .. " 3", "pricing.rate_usage" }, { asked.loaded, asked.deck, asked.hook })
    assert.same({ deck = "the deck", bundle = BUNDLE }, asked.options)
    assert.same({ rounding = "up", currency = "USD", timezone = "Europe/Rome", country = "IT" }, asked.input.plan)
    local event = asked.input.event
    assert.same({ "+12125550100", "answered", 7, 61000 },
      { event.to, event.status, event.answered_at, event.duration_ms })
    assert.is_nil(event.properties)
  end)

  it("see what was used before as it was then", function()
    local asked = rules({ status = "rated", total = tg.decimal.new("0.024") })
    replay.run(row({ rating = { state = { counter_s = 5950, period = 24318 } } }), company())
    assert.same({ counter_s = 5950, period = 24318 }, asked.input.state)
    replay.run(row({ rating = {} }), company())
    assert.is_nil(asked.input.state)
  end)

  it("see the properties and the cost where the plan prices the meter itself", function()
    local asked = rules({ status = "rated", total = tg.decimal.new("0.024") })
    replay.run(row({ meter = "llm.tokens", cost_amount = tg.decimal.new(1), cost_currency = "USD" }),
      company({ prices = { ["llm.tokens"] = {} } }))
    assert.same({ to = "+12125550100" }, asked.input.event.properties)
    assert.equal("1", tostring(asked.input.event.cost))
  end)

  it("may answer otherwise: another sum, another status, a failure", function()
    rules({ status = "rated", total = tg.decimal.new("0.025") })
    assert.is_false(replay.run(row(), company()).same)
    rules({ status = "no_rate", error = "no_rate" })
    local replayed = replay.run(row(), company())
    assert.same({ "no_rate", false, "no_rate" }, { replayed.status, replayed.same, replayed.reason })
    rules(nil, { code = "bug", detail = "pricing/rules.lua:1: no" })
    assert.is_false(replay.run(row(), company()).same)
    assert.is_true(replay.run(row({ status = "failed", amount = false }), company()).same)
  end)

  it("are not asked without their bundle, without a rule for the meter, or when there is no time", function()
    local asked = rules({ status = "rated" })
    asked.load_err = { code = "not_found", detail = "there is no bundle" }
    assert.same({ reason = "there is no bundle" }, replay.run(row(), company()))
    assert.same({ reason = "no rule prices this meter" }, replay.run(row({ meter = "sms" }), company()))
    rules(nil, { code = "busy", detail = "later" })
    assert.same({ reason = "later" }, replay.run(row(), company()))
  end)
end)
