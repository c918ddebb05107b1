local handler = require("corrections.handler")
local script = require("helper")

local ids = script.ids
local PLAN <const> = ("p"):rep(16)
local LINE <const> = { kind = "usage", seconds = 120, amount = "0.12", per_minute = "0.06", row = 0 }

local function usage(fields)
  local row = {
    id = ids.usage, company = ids.child, source = "gw", event_id = "e1", meter = "call.seconds", event_time = 0,
    quantity = tg.decimal.new("120"), properties = '{"to":"+12125550100","duration_ms":120000}', status = "rated",
    billed_s = 120, amount = tg.decimal.new("0.12"), currency = "USD", rule_bundle = "\xab\xcd", plan_id = PLAN,
    rating = { lines = { LINE } },
  }
  for name, value in pairs(fields or {}) do
    row[name] = value
  end
  return row
end

local asked

-- A minute at six cents, and a counter.
local function rule(_, input, options)
  asked = { input = input, options = options }
  local seconds <const> = input.event.duration_ms // 1000
  return {
    status = "rated", total = tg.decimal.muldiv(tg.decimal.new("0.06"), seconds, 60, 6, "half_up"), billed_s = seconds,
    lines = { { kind = "usage", seconds = seconds, amount = "new" } },
    counter_s = input.state and input.state.counter_s + seconds,
  }
end

local function begin(row)
  script.expect("corrected_usage", row) -- whose it is
  script.expect("company", { id = row.company, parent = ids.own, depth = 1 })
  script.expect("corrected_usage", row)
  script.expect("corrected_plan", { currency = "USD", timezone = "UTC", pricing = {} })
  script.expect("lock_purse", { id = ids.wallet })
end

local function correct(body)
  return handler.correct_usage(script.request({ method = "POST", params = { id = ids.usage }, body = body }))
end

describe("a correction", function()
  local post
  before_each(function()
    tg.rules = {
      load = function()
        return true
      end,
      call = rule,
    }
    local ledger = require("ledger.service")
    post = ledger.post
    ledger.post = function(_, entries)
      asked.entry = entries[1]
      return { { id = ids.deck:gsub("^deck", "ent"), at = 0 } }
    end
  end)
  after_each(function()
    require("ledger.service").post, tg.rules = post, nil
    script.finish()
  end)

  it("takes the lines back exactly and rates new ones with the bundle of then", function()
    begin(usage())
    script.expect("last_correction", nil)
    local inserted
    script.expect("insert_correction", 1, nil, function(args)
      inserted = args
    end)
    script.expect("correction", {
      {
        id = tg.id.new("cor"), company = ids.child, usage = ids.usage, meter = "call.seconds",
        quantity = tg.decimal.new(60), status = "rated", billed_s = 60, amount_before = tg.decimal.new("0.12"),
        amount = tg.decimal.new("0.06"), currency = "USD", reversal = {}, rating = { lines = {} }, reason = "r",
        actor = ids.key, created_at = 0, void = false,
      },
    })
    local status, body = correct({ duration_ms = 60000, reason = "r" })
    assert.equal(201, status)
    assert.same({ amount = "-0.06", currency = "USD" }, body.net)
    assert.equal("abcd", asked.options.bundle)
    assert.equal(60000, asked.input.event.duration_ms)
    assert.equal("-0.12", inserted.reversal[1].amount)
    assert.equal("60", tostring(inserted.quantity))
    assert.equal("0.12", tostring(inserted.amount_before))
    assert.equal("0.06", tostring(inserted.amount))
    assert.equal(1, inserted.seq)
    assert.equal("usage.corrected", asked.entry.kind)
    assert.equal("0.06", tostring(asked.entry.legs[1].amount))
    assert.equal("corrections.correct_usage", script.audited[1].action)
  end)

  it("is rated at the counter of then, and moves the one of now", function()
    begin(usage({ rating = { lines = { LINE }, state = { counter_s = 5950, period = 24318 } } }))
    script.expect("last_correction", nil)
    script.expect("rating_state", { counter_s = 7000 }, nil, function(args)
      assert.equal("2026-07-01", args.period)
    end)
    script.expect("set_rating_state", 1, nil, function(args)
      assert.equal(6940, args.counter_s)
    end)
    script.expect("insert_correction", 1, nil, function(args)
      assert.same({ counter_s = 60 }, args.consumed)
    end)
    script.expect("correction", nil, { code = "upstream", detail = "gone" })
    local _, err = correct({ duration_ms = 60000, reason = "r" })
    assert.equal("upstream", err.code)
    assert.equal(5950, asked.input.state.counter_s)
  end)

  it("of a correction begins at what holds", function()
    begin(usage())
    script.expect("last_correction", {
      seq = 4, quantity = tg.decimal.new(60), properties = { to = "+12125550100", duration_ms = 60000 }, void = false,
      rating = { lines = {} }, billed_s = 60, amount = tg.decimal.new("0.06"),
    })
    script.expect("insert_correction", nil, { code = "conflict", native = 1062 }, function(args)
      assert.equal(5, args.seq)
      assert.equal("0.06", tostring(args.amount_before))
    end)
    local _, err = correct({ duration_ms = 120000, reason = "r" })
    assert.equal("corrected_meanwhile", err.type)
  end)

  it("of what is so already is none", function()
    begin(usage())
    script.expect("last_correction", nil)
    local _, err = correct({ duration_ms = 120000, reason = "r" })
    assert.equal("nothing_to_correct", err.type)
  end)

  it("that no rule can price is refused", function()
    tg.rules.call = function()
      return { status = "no_rate", error = "not_e164" }
    end
    begin(usage())
    script.expect("last_correction", nil)
    local _, err = correct({ duration_ms = 60000, reason = "r" })
    assert.equal("not_rated", err.type)
    assert.matches("not_e164", err.detail, 1, true)
  end)

  it("says the duration of calls, the quantity of everything else", function()
    script.expect("corrected_usage", usage())
    local _, err = correct({ quantity = "60", reason = "r" })
    assert.equal("/quantity", err.errors[1].pointer)
    script.expect("corrected_usage", usage({ meter = "sms" }))
    _, err = correct({ duration_ms = 60000, reason = "r" })
    assert.equal("/duration_ms", err.errors[1].pointer)
  end)

  it("is made by who sells, never by who pays", function()
    script.expect("corrected_usage", usage())
    script.expect("company", { id = ids.child, parent = ids.own, depth = 0 })
    local _, err = correct({ void = true, reason = "r" })
    assert.equal("denied", err.code)
  end)

  it("of nothing of theirs tells nothing", function()
    script.expect("corrected_usage", nil)
    local _, err = correct({ void = true, reason = "r" })
    assert.equal("not_found", err.code)
  end)
end)
