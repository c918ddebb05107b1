local script = require("helper")
local service = require("wallets.service")

local ids = script.ids

local function expect_wallet(company)
  script.expect("wallet", { id = ids.wallet, company = ids.child, currency = "USD" })
  script.expect("company", company or { id = ids.child, depth = 1, parent = ids.own })
end

describe("a credit limit", function()
  after_each(script.finish)

  it("is set under a lock, as a decimal, and what it was is recorded with it", function()
    local recorded
    expect_wallet()
    script.expect("lock_wallet", { currency = "USD", credit_limit = tg.decimal.new("10.00") })
    script.expect("set_credit_limit", 1, nil, function(args)
      assert.is_true(script.in_transaction)
      assert.equal("250.5", args.amount)
    end)
    script.expect("wallet", { id = ids.wallet })
    assert(service.change_credit_limit(ids.wallet, "250.50", "author_is_alone", function(_, row)
      recorded = row
      return true
    end))
    assert.same({ amount = "250.5", currency = "USD" }, recorded.credit_limit)
    local row = script.audited[1]
    assert.same({ credit_limit = "10" }, row.before)
    assert.same({ credit_limit = "250.5", review = "author_is_alone" }, row.after)
  end)

  it("is not a company's own to set, but a platform's", function()
    expect_wallet({ id = ids.own, depth = 0, parent = ids.child })
    local _, err = service.from_above(ids.wallet, "credit limit")
    assert.equal("denied", err.code)
    expect_wallet({ id = ids.own, depth = 0 })
    assert(service.from_above(ids.wallet, "credit limit"))
  end)

  it("of a wallet that is not there is nobody's", function()
    script.expect("wallet", nil)
    local _, err = service.change_credit_limit(ids.wallet, "1")
    assert.equal("not_found", err.code)
  end)
end)
