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
          return {
            prefix = "44", per_minute = tg.decimal.new("0.0120"), connect_fee = tg.decimal.new(0), initial_s = 60,
            increment_s = 6, min_s = 0, blocked = false,
          }
        end,
      }
      script.expect("deck", { id = ids.deck, version = 2, currency = "USD" })
      local status, body = handler.lookup(script.request({ params = { id = ids.deck }, query = { number = text } }))
      assert.equal(200, status)
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

  it("need a name and a currency", function()
    local _, err = handler.create_deck(script.request({ body = { name = "A-Z" } }))
    assert.equal("/currency", err.errors[1].pointer)
  end)
end)
