local handler = require("wallets.handler")
local script = require("helper")

local ids = script.ids

describe("requests about wallets", function()
  after_each(script.finish)

  it("show what there is and what may be spent", function()
    script.expect("wallet", {
      id = ids.wallet, company = ids.child, currency = "USD", balance = tg.decimal.new("-9.5"), version = 3,
      credit_limit = tg.decimal.new(10), held = tg.decimal.new(0), open_calls = 0, available = tg.decimal.new("0.5"),
      created_at = 0,
    })
    local _, body = handler.wallet(script.request({ params = { id = ids.wallet } }))
    assert.same({ amount = "-9.5", currency = "USD" }, body.balance)
    assert.same({ amount = "0.5", currency = "USD" }, body.available)
  end)

  it("show entries newest first, by cursor", function()
    local entry = tg.id.new("ent")
    local wallet = { id = ids.wallet, company = ids.child, currency = "USD" }
    local row = {
      id = entry, kind = "usage.charged", amount = tg.decimal.new(-1), balance_after = tg.decimal.new(-1),
      currency = "USD", event_count = 7, description = "", created_at = 0,
    }
    script.expect("wallet", wallet)
    script.expect("entries", { row, row })
    local query = { limit = "1" }
    local _, first = handler.entries(script.request({ params = { id = ids.wallet }, query = query }))
    assert.equal("-1", first.data[1].amount.amount)
    query.cursor = first.next_cursor
    script.expect("wallet", wallet)
    script.expect("entries", {}, nil, function(args)
      assert.equal(entry, args.before)
    end)
    handler.entries(script.request({ params = { id = ids.wallet }, query = query }))
  end)
end)

describe("money that comes in", function()
  local wallet = { id = ids.wallet, company = ids.child, currency = "USD" }
  local below = { id = ids.child, depth = 1, parent = ids.own }

  after_each(script.finish)

  it("is refused with more places than its currency has, or none at all", function()
    for amount, pointer in pairs({ ["0.001"] = "/amount", ["0.00"] = "/amount", ["-1"] = "/amount" }) do
      script.expect("wallet", wallet)
      script.expect("company", below)
      if amount == "0.001" then
        script.expect("wallet", wallet)
        script.expect("company", below)
      end
      local status, err = handler.top_up(script.request({
        params = { id = ids.wallet }, body = { amount = amount, reference = "SEPA" },
      }))
      assert.is_nil(status)
      assert.equal(pointer, err.errors[1].pointer)
    end
  end)

  it("is not a company's own to record, and it is told so before its request is read", function()
    for _, operation in ipairs({ "top_up", "give_credit", "correct", "change_credit_limit" }) do
      script.expect("wallet", wallet)
      script.expect("company", { id = ids.child, depth = 0, parent = ids.own })
      local status, err = handler[operation](script.request({ params = { id = ids.wallet } }))
      assert.is_nil(status)
      assert.equal("denied", err.code)
    end
  end)

  it("may be credit, but none that has ended", function()
    for _ = 1, 2 do
      script.expect("wallet", wallet)
      script.expect("company", below)
    end
    local _, err = handler.give_credit(script.request({
      params = { id = ids.wallet }, body = { amount = "5", expires_at = "2020-01-01T00:00:00Z" },
    }))
    assert.equal("/expires_at", err.errors[1].pointer)
  end)
end)
