local levels = require("wallets.levels")
local script = require("helper")

local ids = script.ids
local dec = tg.decimal.new
local JOB <const> = { id = tg.id.new("job"), attempts = 1 }

local function shown(below, above)
  return ("%s %s"):format(below and tostring(below) or "-", above and tostring(above) or "-")
end

-- The steps of a look at a wallet with this balance and these levels, up to the rules.
local function locked(balance, rows)
  script.expect("wallet", { id = ids.wallet, company = ids.child, currency = "USD", balance = dec("99") })
  script.expect("company", { id = ids.child, timezone = "UTC" })
  script.expect("lock_wallet", { company = ids.child, currency = "USD", balance = dec(balance) })
  script.expect("free_key", 1, nil, function(args)
    assert.equal(JOB.id, args.id)
  end)
  script.expect("levels", rows)
end

describe("levels", function()
  before_each(function()
    tg.rules = {
      call = function(hook, input)
        assert.equal("alerts.evaluate", hook)
        local is_low = input.value < input.alert.threshold
        local event = is_low ~= input.state.firing and (is_low and "fired" or "cleared") or nil
        return { event = event, state = { firing = is_low, run = is_low and 1 or 0, since = input.at } }
      end,
    }
  end)

  after_each(function()
    tg.rules = nil
    script.finish()
  end)

  it("make a band around the balance, which may be the lower of the two and is below the upper", function()
    local bounds = { dec("10"), dec("5"), dec("20") }
    local wanted = { ["4.99"] = "- 5", ["5"] = "5 10", ["9"] = "5 10", ["10"] = "10 20", ["20"] = "20 -" }
    for balance, want in pairs(wanted) do
      assert.equal(want, shown(levels.band(bounds, dec(balance))))
    end
    assert.equal("- -", shown(levels.band({}, dec("1"))))
  end)

  it("fire and clear at the balance that is locked, and set the band", function()
    locked("7", {
      { amount = dec("5"), firing = true, run = 1, since = 1 }, { amount = dec("10"), firing = false, run = 0 },
    })
    script.expect("note_level", 1, nil, function(args)
      assert.is_false(args.firing)
    end)
    script.expect("open_alert", { id = tg.id.new("alr"), version = 1 })
    script.expect("clear_alert", 1)
    script.expect("insert_event", 1, nil, function(args)
      assert.same({ "alert.cleared", 2 }, { args.event, args.version })
    end)
    script.expect("note_level", 1)
    script.expect("insert_alert", 1, nil, function(args)
      assert.same({ "wallet.low_balance", ids.wallet .. ":10", "The balance is 7 USD, below 10 USD." },
        { args.kind, args.object, args.text })
    end)
    script.expect("insert_event", 1)
    script.expect("auto_topup", nil)
    script.expect("set_band", 1, nil, function(args)
      assert.equal("5 10", shown(args.below, args.above))
    end)
    assert(levels.look(ids.wallet, JOB))
  end)

  it("keep their state when the rule fails, and somebody is told of that", function()
    tg.rules.call = function()
      return nil, { code = "bug", detail = "it divides by zero" }
    end
    locked("7", { { amount = dec("10"), firing = false, run = 0 } })
    script.expect("insert_alert", 1, nil, function(args)
      assert.same({ "alerts.rule_failed", "The rule alerts.evaluate failed: it divides by zero" },
        { args.kind, args.text })
    end)
    script.expect("insert_event", 1)
    script.expect("auto_topup", nil)
    script.expect("set_band", 1)
    assert(levels.look(ids.wallet, JOB))
  end)

  it("wait for rules that are being loaded", function()
    tg.rules.call = function()
      return nil, { code = "busy", detail = "soon" }
    end
    locked("7", { { amount = dec("10"), firing = false, run = 0 } })
    local done, err = levels.look(ids.wallet, JOB)
    assert.is_nil(done)
    assert.equal("busy", err.code)
  end)

  it("that are not wanted any more take their alert with them", function()
    local wallet = { id = ids.wallet, company = ids.child, currency = "USD", balance = dec("7") }
    script.expect("wallet", wallet)
    script.expect("lock_wallet", wallet)
    script.expect("levels", {
      { amount = dec("5.00"), firing = false, run = 0 }, { amount = dec("10"), firing = true, run = 1 },
    })
    script.expect("delete_level", 1, nil, function(args)
      assert.equal("10", tostring(args.amount))
    end)
    script.expect("open_alert", nil)
    script.expect("insert_level", 1, nil, function(args)
      assert.equal("2.5", args.amount)
    end)
    script.expect("insert", nil, { native = 1062 }) -- a job is there already
    script.expect("wallet", wallet)
    script.expect("levels", {})
    assert(levels.set(ids.wallet, { "5", "2.50" }))
    assert.same({ amounts = tg.json.array({ "5", "10" }) }, script.audited[1].before)
  end)
end)
