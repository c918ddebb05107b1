local handler = require("catalog.handler")
local script = require("helper")

local ids = script.ids

describe("requests about rate decks", function()
  after_each(function()
    tg.decks = nil
    script.finish()
  end)

  it("answer a damaged file with a problem that holds the report", function()
    tg.decks = {
      parse = function(bytes)
        assert.equal("csv", bytes)
        return {
          rows = 3, priced = 2, blocked = 0, rejected = 1, sha256 = ("\1"):rep(32),
          first_rejected = { { row = 2, prefix_text = "*1", reason = "not digits" } },
        }
      end,
    }
    script.expect("deck", { id = ids.deck, version = 0 })
    local req = script.request({ params = { id = ids.deck }, bytes = "csv" })
    local status, body, headers = handler.put_rates(req)
    assert.equal(422, status)
    assert.equal("application/problem+json", headers["content-type"])
    assert.equal("https://tollgate.dev/problems/deck_has_damaged_rows", body.type)
    assert.equal("req-1", body.request_id)
    assert.equal(1, body.report.rejected)
    assert.is_truthy(body.detail:find(body.report_id, 1, true))
  end)

  it("look numbers up however they are written", function()
    for _, text in ipairs({ "+44 20 7946-0000", " 442079460000", "(44) 20.7946.0000" }) do
      tg.decks = {
        lookup = function(deck, version, digits, at)
          assert.same({ ids.deck, 2, "442079460000", tg.time.now() }, { deck, version, digits, at })
          return { row_no = 5 }
        end,
      }
      local row = {
        row_no = 5, prefix = "44", name = "UK", per_minute = tg.decimal.new("0.0120"), connect_fee = tg.decimal.new(0),
        initial_s = 60, increment_s = 6, min_s = 0, blocked = false, when_window = "",
      }
      script.expect("deck", { id = ids.deck, version = 2, currency = "USD" })
      script.expect("row", row)
      local status, body = handler.lookup(script.request({ params = { id = ids.deck }, query = { number = text } }))
      assert.equal(200, status)
      assert.equal("UK", body.rate.name)
      assert.equal("0.012", body.rate.per_minute)
      assert.equal(60, body.rate.initial_seconds)
    end
  end)

  it("say when a number has no rate", function()
    tg.decks = { lookup = function() end }
    script.expect("deck", { id = ids.deck, version = 2, currency = "USD" })
    local req = script.request({ params = { id = ids.deck }, query = { number = "442079460000" } })
    local _, body = handler.lookup(req)
    assert.equal(tg.json.null, body.rate)
  end)

  it("refuse numbers that are none", function()
    for _, text in ipairs({ "911", "0442079460000", "sip:bob", "1234567890123456", "" }) do
      local _, err = handler.lookup(script.request({ params = { id = ids.deck }, query = { number = text } }))
      assert.equal("?number", err.errors[1].pointer)
    end
    local _, err = handler.lookup(script.request({ params = { id = ids.deck } }))
    assert.equal("?number", err.errors[1].pointer)
  end)

  it("create a deck, list it by its name and show it", function()
    local row = {
      id = ids.deck, company = ids.own, name = "A-Z", currency = "USD", version = 2, row_count = 7, created_at = 0,
      updated_at = 0,
    }
    script.expect("insert_deck", 1)
    script.expect("deck", row)
    local status, body, headers = handler.create_deck(script.request({ body = { name = "A-Z", currency = "USD" } }))
    assert.equal(201, status)
    assert.equal(7, body.rows)
    assert.equal("/v1/rate-decks/" .. ids.deck, headers.location)
    script.expect("decks", { row }, nil, function(args)
      assert.equal("A-Z", args.name)
    end)
    local _, list = handler.decks(script.request({ query = { name = "A-Z" } }))
    assert.same(body, list.data[1])
    script.expect("deck", row)
    local _, shown = handler.deck(script.request({ params = { id = ids.deck } }))
    assert.same(body, shown)
  end)

  it("load a clean file at once, and say so when it was there", function()
    tg.decks = {
      parse = function()
        return { rows = 2, priced = 2, blocked = 0, rejected = 0, sha256 = ("\1"):rep(32), first_rejected = {} }
      end,
      rows = function()
        return {}
      end,
    }
    for _, known in ipairs({ false, { version = 1 } }) do
      script.expect("deck", { id = ids.deck, version = 0 })
      script.expect("lock_deck", { id = ids.deck, version = known and 1 or 0, updated_at = 7 })
      script.expect("version_by_hash", known or nil)
      if not known then
        script.expect("last_version", nil)
        script.expect("insert_version", 1)
        script.expect("insert_row", 0)
        script.expect("activate", 1)
      end
      local status, body = handler.put_rates(script.request({ params = { id = ids.deck }, bytes = "csv" }))
      assert.equal(200, status)
      assert.equal(1, body.version)
      assert.equal(not known, body.changed)
      assert.is_truthy(body.message:find(known and "Nothing changed" or "is active", 1, true))
    end
  end)

  it("refuse a load without a body, and parameters that are unknown", function()
    local _, err = handler.put_rates(script.request({ params = { id = ids.deck } }))
    assert.equal(400, err.status)
    _, err = handler.put_rates(script.request({ params = { id = ids.deck }, query = { force = "1" }, bytes = "csv" }))
    assert.equal("?force", err.errors[1].pointer)
  end)

  it("need a name and a currency", function()
    local _, err = handler.create_deck(script.request({ body = { name = "A-Z" } }))
    assert.equal("/currency", err.errors[1].pointer)
  end)
end)
