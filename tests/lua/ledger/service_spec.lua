local script = require("helper")
local service = require("ledger.service")

local ids = script.ids
local dec = tg.decimal.new

local function wallet(fields)
  local row = {
    id = ids.wallet, company = ids.child, currency = "USD", balance = dec("10"), credit_limit = dec(0), held = dec(0),
    has_credits = 0, version = 3,
  }
  for name, value in pairs(fields or {}) do
    row[name] = value
  end
  return row
end

local function topup(amount)
  return {
    company = ids.child, currency = "USD", kind = "wallet.topped_up", description = "SEPA 1",
    legs = { { account = "wallet", amount = amount }, { account = "clearing", amount = "-" .. amount } },
  }
end

local function take(fields)
  script.expect("wallet_of", { id = ids.wallet })
  script.expect("take_wallet", wallet(fields), nil, function(args)
    assert.equal(ids.wallet, args.id)
  end)
end

local function post(entries)
  return tg.db.transaction(function(tx)
    return service.post(tx, entries)
  end)
end

describe("the ledger", function()
  after_each(script.finish)

  it("posts both legs, then the wallet", function()
    local postings
    take()
    script.expect("insert_entry", 1, nil, function(args)
      assert.equal("wallet.topped_up", args.kind)
      assert.equal("SEPA 1", args.description)
    end)
    script.expect("insert_posting", 2, nil, function(args)
      postings = args
    end)
    script.expect("write_wallet", 1, nil, function(args)
      assert.equal("12.5", tostring(args.balance))
      assert.equal(4, args.version)
    end)
    local posted = assert(post({ topup("2.5") }))
    assert.equal("12.5", tostring(posted[1].wallet.available))
    assert.equal(posted[1].id, postings[1].entry)
    assert.same({ "wallet", ids.wallet, "12.5" },
      { postings[1].account, postings[1].wallet, tostring(postings[1].balance_after) })
    assert.equal("-2.5", tostring(postings[2].amount))
    assert.is_nil(postings[2].wallet)
  end)

  it("refuses what does not sum to zero, and accounts that are not there", function()
    local odd = topup("2")
    odd.legs[2].amount = "-1"
    assert.has_error(function()
      service.post({}, { odd })
    end)
    odd = topup("2")
    odd.legs[2].account = "cash"
    assert.has_error(function()
      service.post({}, { odd })
    end)
  end)

  it("makes a wallet that is missing, and takes the other's when somebody is faster", function()
    script.expect("wallet_of", nil)
    script.expect("make_wallet", nil, { code = "conflict", native = 1062 })
    take()
    script.expect("insert_entry", 1)
    script.expect("insert_posting", 2)
    script.expect("write_wallet", 1)
    assert(post({ topup("1") }))
  end)

  it("locks several wallets in the order of their ids", function()
    local low, high = tg.id.new("wal"), tg.id.new("wal")
    local second = topup("1")
    second.company = ids.own
    script.expect("wallet_of", { id = high })
    script.expect("wallet_of", { id = low })
    script.expect("take_wallet", wallet({ id = low, company = ids.own }), nil, function(args)
      assert.equal(low, args.id)
    end)
    script.expect("take_wallet", wallet({ id = high }), nil, function(args)
      assert.equal(high, args.id)
    end)
    for _ = 1, 2 do
      script.expect("insert_entry", 1)
      script.expect("insert_posting", 2)
    end
    script.expect("write_wallet", 1)
    script.expect("write_wallet", 1)
    local posted = assert(post({ topup("1"), second }))
    assert.equal(high, posted[1].wallet.id)
    assert.equal(low, posted[2].wallet.id)
  end)

  it("breaks what is over, then draws", function()
    local over, good = tg.id.new("crd"), tg.id.new("crd")
    local kinds = {}
    take({ has_credits = 1, held = dec(9) })
    script.expect("credits_left", {
      { id = over, priority = 0, expires_at = tg.time.now() - 1, remaining = dec(3) },
      { id = good, priority = 1, remaining = dec(5) },
    })
    for _ = 1, 2 do
      script.expect("insert_entry", 1, nil, function(args)
        kinds[#kinds + 1] = args.kind
      end)
      script.expect("insert_posting", 2)
      script.expect("insert_draw", 1, nil, function(args)
        for _, draw in ipairs(args) do
          kinds[#kinds + 1] = ("%s %s"):format(draw.credit == over and "over" or "good", draw.amount)
        end
      end)
      script.expect("write_credit", 1)
    end
    script.expect("write_wallet", 1, nil, function(args)
      assert.equal("5", tostring(args.balance))
      assert.equal(5, args.version)
      assert.equal(1, args.has_credits)
    end)
    local correction = topup("1")
    correction.kind = "wallet.corrected"
    correction.legs = { { account = "wallet", amount = "-4" }, { account = "corrections", amount = "4" } }
    assert(post({ correction }))
    assert.same({ "credit.expired", "over 1", "wallet.corrected", "over 2", "good 2" }, kinds)
  end)

  it("grants a credit as what comes in", function()
    local credit = { id = tg.id.new("crd"), kind = "promotion", priority = 2, note = "hello" }
    local entry = topup("5")
    entry.credit = credit
    take()
    script.expect("insert_entry", 1)
    script.expect("insert_posting", 2)
    script.expect("insert_credit", 1, nil, function(args)
      assert.same({ credit.id, "5", 2 }, { args.id, tostring(args.amount), args.priority })
    end)
    script.expect("write_wallet", 1, nil, function(args)
      assert.equal(1, args.has_credits)
    end)
    assert(post({ entry }))
  end)

  it("leaves a job when the balance leaves its band, at the level itself too", function()
    for balance, leaves in pairs({ ["12.5"] = true, ["12.6"] = false, ["20"] = false }) do
      take({ alert_below = dec(0), alert_above = dec(balance) })
      script.expect("insert_entry", 1)
      script.expect("insert_posting", 2)
      script.expect("write_wallet", 1)
      if leaves then
        script.expect("insert", 1, nil, function(args)
          assert.equal("wallets.jobs:levels", args.handler)
          assert.equal("levels:" .. ids.wallet, args.unique_key)
          assert.same({ company = ids.child, wallet = ids.wallet }, args.arguments)
        end)
      end
      assert(post({ topup("2.5") }))
    end
  end)

  it("has nothing to expire where nothing is over", function()
    script.expect("take_wallet", wallet({ has_credits = 1 }))
    script.expect("credits_left", { { id = tg.id.new("crd"), priority = 0, remaining = dec(3) } })
    local expired = tg.db.transaction(function(tx)
      return service.expire_credits(tx, ids.wallet)
    end)
    assert.is_false(expired)
  end)
end)
