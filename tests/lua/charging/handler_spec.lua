local handler = require("charging.handler")
local script = require("helper")

local ids = script.ids

local function usage_row(fields)
  local row = {
    id = ids.usage, company = ids.child, source = "gw", event_id = "e1", meter = "call.seconds", event_time = 0,
    received_at = 0, quantity = tg.decimal.new("61"), properties = '{"to":"+12125550100"}', status = "rated",
    billed_s = 120, amount = tg.decimal.new("0.024000"), currency = "USD", rule_bundle = "\xab\xcd", deck = ids.deck,
    deck_version = 3,
    rating = { lines = { { kind = "usage", from_s = 0, seconds = 120, row = 7, prefix = "1",
      per_minute = "0.012", amount = "0.024" } } },
  }
  for name, value in pairs(fields or {}) do
    row[name] = value
  end
  return row
end

describe("requests about usage", function()
  after_each(function()
    tg.usage = nil
    script.finish()
  end)

  it("hand the body and the idempotency key to the engine, unread", function()
    tg.usage = {
      ingest = function(bytes, options)
        assert.equal("bytes", bytes)
        assert.same({ idempotency_key = "k-1" }, options)
        return { accepted = 1, duplicates = 0, rejected = {} }, true
      end,
    }
    local req = script.request({ bytes = "bytes", headers = { ["idempotency-key"] = "k-1" } })
    local status, body, headers = handler.ingest(req)
    assert.equal(200, status)
    assert.same({ ["idempotency-replayed"] = "true" }, headers)
    assert.is_true(tg.json.is_array(body.rejected))
  end)

  it("refuse a request without a body", function()
    local status, err = handler.ingest(script.request())
    assert.is_nil(status)
    assert.equal(400, err.status)
  end)

  it("pass on that the engine is busy", function()
    tg.usage = {
      ingest = function()
        return nil, { code = "busy", detail = "the queue is full" }
      end,
    }
    local status, err = handler.ingest(script.request({ bytes = "" }))
    assert.is_nil(status)
    assert.equal("busy", err.code)
  end)

  it("write amounts shortest, as strings, with their currency", function()
    script.expect("usage_of_company", { usage_row() })
    local _, body = handler.usage(script.request({ query = { company = ids.child } }))
    assert.same({ amount = "0.024", currency = "USD" }, body.data[1].amount)
    assert.equal("61", body.data[1].quantity)
    assert.same({ to = "+12125550100" }, body.data[1].properties)
    assert.equal(tg.json.null, body.data[1].provider_cost)
  end)

  it("show an event without a price without an amount, and the reason", function()
    script.expect("usage_of_company", {
      { id = ids.usage, company = ids.child, event_time = 0, received_at = 0, quantity = tg.decimal.new(5),
        properties = "{}", status = "no_rate", rating = { reason = "not_e164" } },
    })
    local _, body = handler.usage(script.request({ query = { company = ids.child } }))
    assert.equal(tg.json.null, body.data[1].amount)
    assert.equal("not_e164", body.data[1].reason)
  end)

  it("show properties that cannot be read again as the text they are", function()
    script.expect("usage_of_company", { usage_row({ properties = '{"score":1e-99' }) })
    local _, body = handler.usage(script.request({ query = { company = ids.child } }))
    assert.equal('{"score":1e-99', body.data[1].properties)
  end)

  it("give a cursor that comes back as the place in the list", function()
    script.expect("usage_of_company", { usage_row(), usage_row() })
    local query = { company = ids.child, limit = "1" }
    local _, first = handler.usage(script.request({ query = query }))
    script.expect("usage_of_company", {}, nil, function(args)
      assert.equal(0, args.before)
      assert.equal(ids.usage, args.before_id)
    end)
    query.cursor = first.next_cursor
    local _, second = handler.usage(script.request({ query = query }))
    assert.equal(tg.json.null, second.next_cursor)
  end)

  it("explain with rule, bundle, deck, rates and sums", function()
    script.expect("usage", usage_row())
    script.expect("row", {
      row_no = 8, prefix = "1", name = "US", per_minute = tg.decimal.new("0.012"), connect_fee = tg.decimal.new(0),
      initial_s = 60, increment_s = 60, min_s = 0, when_window = "", blocked = false,
    }, nil, function(args)
      assert.same({ deck = ids.deck, version = 3, row_no = 8 }, args)
    end)
    script.expect("company", { id = ids.child, currency = "USD", timezone = "UTC" })
    script.expect("corrections_of_usage", {})
    tg.rules = {
      load = function()
        return nil, { code = "not_found", detail = "there is no bundle" }
      end,
    }
    local status, body = handler.explain(script.request({ params = { id = ids.usage } }))
    tg.rules = nil
    assert.equal(200, status)
    assert.same({ status = tg.json.null, total = tg.json.null, same = tg.json.null, reason = "there is no bundle" },
      body.replayed)
    assert.equal("abcd", body.bundle)
    assert.equal(60, body.rates[1].initial_seconds)
    assert.equal(8, body.rates[1].row)
    assert.equal(8, body.lines[1].row)
    assert.equal("seconds 0 to 120 at 0.012 a minute (prefix 1): 120 × 0.012 ÷ 60 = 0.024", body.arithmetic[1])
    assert.is_true(body.agrees)
    assert.equal(tg.json.null, body.used_before)
    assert.same({ amount = "0.024", currency = "USD" }, body.total)
  end)

  it("do not explain what the caller may not see", function()
    script.expect("usage", nil)
    local status, err = handler.explain(script.request({ params = { id = ids.usage } }))
    assert.is_nil(status)
    assert.equal("not_found", err.code)
  end)

  it("refuse filters that are wrong or unknown", function()
    for name, value in pairs({ from = "yesterday", status = "paid", company = "acme", metre = "x", limit = "0" }) do
      local status, err = handler.usage(script.request({ query = { [name] = value } }))
      assert.is_nil(status)
      assert.equal("?" .. name, err.errors[1].pointer)
    end
  end)

  it("show a summary with its time, its groups and its totals", function()
    script.expect("totals_by_meter", {
      { meter = "call.seconds", currency = "USD", status = "rated", events = 2, billed_s = 180,
        amount = tg.decimal.new("0.5") },
    })
    script.expect("corrections_by_meter", {})
    local query = { group_by = "meter", from = "2026-07-14T00:00:00Z", to = "2026-07-15T00:00:00Z" }
    local status, body = handler.usage_summary(script.request({ query = query }))
    assert.equal(200, status)
    assert.equal("2026-07-14T00:00:00Z", body.from)
    assert.equal("call.seconds", body.data[1].meter)
    assert.equal(0, body.data[1].counts.failed)
    assert.same({ amount = "0.5", currency = "USD" }, body.totals[1].amount)
  end)
end)
