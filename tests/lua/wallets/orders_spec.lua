local orders = require("wallets.orders")
local script = require("helper")

local ids = script.ids
local dec = tg.decimal.new
local NOW <const> = 1784030400000000 -- 2026-07-14
local ORDER <const> = tg.id.new("top")

local function wallet(balance)
  return { id = ids.wallet, company = ids.child, currency = "USD", balance = dec(balance) }
end

local function rule(fields)
  local row = { enabled = true, threshold = dec("10"), amount = dec("50"), paused = false, updated_at = 1 }
  for name, value in pairs(fields or {}) do
    row[name] = value
  end
  return row
end

local function look(balance, row)
  script.expect("auto_topup", row)
  return function()
    return tg.db.transaction(function(tx)
      return orders.look(tx, wallet(balance), "UTC", NOW)
    end)
  end
end

local function closed(state)
  script.expect("topup_order", { id = ORDER, wallet = ids.wallet, state = "wanted", amount = dec("50") })
  script.expect("wallet", wallet("1"))
  script.expect("company", { id = ids.child, depth = 1, parent = ids.own })
  script.expect("lock_wallet", wallet("1"))
  script.expect("topup_order", { id = ORDER, wallet = ids.wallet, state = state, amount = dec("50") })
end

describe("an automatic top-up", function()
  after_each(script.finish)

  it("wants money below its threshold, and says so", function()
    local run = look("9.99", rule())
    script.expect("open_alert", nil) -- nothing was capped
    script.expect("insert_order", 1, nil, function(args)
      assert.same({ "50", "9.99" }, { tostring(args.amount), tostring(args.balance) })
    end)
    script.expect("insert_alert", 1, nil, function(args)
      assert.equal("wallet.topup_wanted", args.kind)
    end)
    script.expect("insert_event", 1)
    script.expect("insert_event", 1, nil, function(args)
      assert.equal("topup.wanted", args.event)
    end)
    assert(run())
  end)

  it("wants nothing at its threshold, nor when it is off, paused or not there", function()
    for _, case in ipairs({
      { "10", rule() }, { "1", rule({ enabled = false }) }, { "1", rule({ paused = true }) }, { "1", nil },
    }) do
      local _, err = look(case[1], case[2])()
      assert.is_nil(err)
    end
  end)

  it("wants nothing more while it wants something", function()
    local run = look("1", rule())
    script.expect("open_alert", nil)
    script.expect("insert_order", nil, { native = 1062 })
    assert(run())
  end)

  it("wants what the month allows, to the cent", function()
    for ordered, may in pairs({ ["50"] = true, ["50.01"] = false }) do
      local run = look("1", rule({ monthly_max = dec("100") }))
      script.expect("ordered_since", { amount = dec(ordered) }, nil, function(args)
        assert.equal("2026-07-01T00:00:00Z", tg.time.format(args.from))
      end)
      if may then
        script.expect("open_alert", nil)
        script.expect("insert_order", nil, { native = 1062 })
      else
        script.expect("insert_alert", 1, nil, function(args)
          assert.equal("The balance is 1 USD, and no more is topped up this month: 100 USD is the most.", args.text)
        end)
        script.expect("insert_event", 1)
      end
      assert(run())
    end
  end)

  it("goes on after a failure when the balance has been above", function()
    local run = look("10", rule({ paused = true }))
    script.expect("pause_auto_topup", 1, nil, function(args)
      assert.is_false(args.paused)
    end)
    assert(run())
  end)

  it("is settled once", function()
    closed("done")
    local order = assert(orders.settle(ORDER, { reference = "SEPA" }, error))
    assert.equal("done", order.state)
    closed("failed")
    local _, err = orders.settle(ORDER, { reference = "SEPA" }, error)
    assert.equal("order_closed", err.type)
  end)

  it("pauses when an order fails", function()
    closed("wanted")
    script.expect("open_alert", nil)
    script.expect("close_order", 1, nil, function(args)
      assert.same({ "failed", "the card was refused" }, { args.state, args.reason })
    end)
    script.expect("pause_auto_topup", 1)
    script.expect("insert_alert", 1, nil, function(args)
      assert.equal("A top-up of 50 USD failed: the card was refused", args.text)
    end)
    script.expect("insert_event", 1)
    script.expect("insert_event", 1)
    script.expect("topup_order", { id = ORDER, state = "failed" })
    assert(orders.fail(ORDER, "the card was refused"))
  end)

  it("has one end, also when two have found it wanted", function()
    closed("wanted")
    script.expect("open_alert", nil)
    script.expect("close_order", 0)
    local _, err = orders.fail(ORDER, "the card was refused")
    assert.equal("order_closed", err.type)
  end)

  it("has no month that is never enough, and no tenth of a cent", function()
    for _, case in ipairs({ { "50", "49.99", "/monthly_max" }, { "0.001", nil, "/amount" } }) do
      script.expect("wallet", wallet("1"))
      local _, err = orders.set_rule(ids.wallet, {
        enabled = true, threshold = "1", amount = case[1], monthly_max = case[2],
      })
      assert.equal(case[3], err.errors[1].pointer)
    end
  end)
end)
