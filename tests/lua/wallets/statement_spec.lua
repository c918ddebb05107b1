local script = require("helper")
local statement = require("wallets.statement")

local ids = script.ids
local dec = tg.decimal.new
local DAY <const> = 86400 * 1000000

describe("a statement", function()
  after_each(script.finish)

  it("goes back from the balance of now", function()
    local wallet = { id = ids.wallet, company = ids.child, currency = "USD", balance = dec("10") }
    script.expect("wallet", wallet)
    script.expect("wallet", wallet)
    script.expect("sums_by_kind", {
      { kind = "usage.charged", is_later = false, entries = 2, events = 7, amount = dec("-3.5") },
      { kind = "usage.charged", is_later = true, entries = 1, events = 1, amount = dec("-1") },
      { kind = "wallet.topped_up", is_later = false, entries = 1, events = 0, amount = dec("20") },
    })
    local made = assert(statement.of(ids.wallet, { from = DAY, to = 2 * DAY }))
    assert.same({ "-5.5", "11", 2 }, { tostring(made.opening), tostring(made.closing), #made.kinds })
    assert.equal("kind,entries,events,amount,currency\r\nopening_balance,,,-5.5,USD\r\nusage.charged,2,7,-3.5,USD\r\n"
      .. "wallet.topped_up,1,0,20,USD\r\nclosing_balance,,,11,USD\r\n", statement.csv(made))
  end)

  it("is of a time that has a length, and not of years", function()
    for _, case in ipairs({ { DAY, DAY, "?to" }, { 0, 400 * DAY, "?from" } }) do
      script.expect("wallet", { id = ids.wallet })
      local _, err = statement.of(ids.wallet, { from = case[1], to = case[2] })
      assert.equal(case[3], err.errors[1].pointer)
    end
  end)
end)
