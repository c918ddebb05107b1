local script = require("helper")
local service = require("wallets.service")

local ids = script.ids
local dec = tg.decimal.new

describe("a wallet", function()
  after_each(script.finish)

  it("shows its entries only to who sees the wallet", function()
    script.expect("wallet", nil)
    local rows, err = service.entries(ids.wallet, { limit = 3 })
    assert.is_nil(rows)
    assert.equal("not_found", err.code)
  end)

  it("is topped up after everything else that is written, and told of", function()
    local row = { id = ids.wallet, company = ids.child, currency = "USD", balance = dec("12.5") }
    script.expect("wallet", row)
    script.expect("company", { id = ids.child, depth = 1, parent = ids.own })
    script.expect("wallet_of", { id = ids.wallet })
    script.expect("take_wallet", {
      id = ids.wallet, company = ids.child, currency = "USD", balance = dec("10"), credit_limit = dec(0),
      held = dec(0), has_credits = 0, version = 3,
    }, nil, function()
      assert.equal("wallets.top_up", script.audited[1].action)
    end)
    script.expect("insert_entry", 1, nil, function(args)
      assert.equal("SEPA 4711: thank you", args.description)
    end)
    script.expect("insert_posting", 2, nil, function(args)
      assert.equal("clearing", args[2].account)
    end)
    script.expect("write_wallet", 1)
    script.expect("insert_event", 1, nil, function(args)
      assert.same({ "wallet.topped_up", ids.wallet, 4 }, { args.event, args.object, args.version })
      assert.equal("12.5", args.data.balance)
    end)
    script.expect("wallet", row)
    local recorded
    local moved = assert(service.top_up(ids.wallet, { amount = "2.50", reference = "SEPA 4711", note = "thank you" },
      function(_, made)
        recorded = made
        return true
      end))
    assert.equal(moved, recorded)
    assert.equal("12.5", tostring(moved.entry.balance_after))
  end)
end)
