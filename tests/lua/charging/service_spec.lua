local script = require("helper")
local service = require("charging.service")

local ids = script.ids
local DAY_US <const> = 86400 * 1000000

local function event(company, at)
  return { id = ids.usage, company = company, event_time = at }
end

describe("a list of usage over several companies", function()
  after_each(script.finish)

  it("goes company by company until the page is full", function()
    script.expect("next_company_with_usage", { company = ids.own }, nil, function(args)
      assert.is_nil(args.after)
    end)
    script.expect("usage_of_company", { event(ids.own, 9), event(ids.own, 8) }, nil, function(args)
      assert.equal(3, args.limit)
      assert.is_nil(args.before)
    end)
    script.expect("next_company_with_usage", { company = ids.child }, nil, function(args)
      assert.equal(ids.own, args.after)
    end)
    script.expect("usage_of_company", { event(ids.child, 7) }, nil, function(args)
      assert.equal(1, args.limit)
    end)
    local rows = assert(service.usage_list({ limit = 3 }))
    assert.equal(3, #rows)
  end)

  it("goes on inside the company where the page before ended", function()
    script.expect("usage_of_company", {}, nil, function(args)
      assert.equal(ids.own, args.company)
      assert.equal(8, args.before)
      assert.equal(ids.usage, args.before_id)
      assert.equal(9, args.to) -- exclusive: the index is entered at the cursor
    end)
    script.expect("next_company_with_usage", nil, nil, function(args)
      assert.equal(ids.own, args.after)
    end)
    assert.same({}, (service.usage_list({ limit = 3, after = { ids.own, 8, ids.usage } })))
  end)

  it("stops after fifty companies without a hit, and says where to go on", function()
    for _ = 1, 50 do
      script.expect("next_company_with_usage", { company = ids.child })
      script.expect("usage_of_company", {})
    end
    local rows, err, stopped_at = service.usage_list({ limit = 3, status = "failed" })
    assert.same({}, rows)
    assert.is_nil(err)
    assert.equal(ids.child, stopped_at[1])
    assert.is_true(tg.id.is(stopped_at[3], "usg"))
  end)

  it("finds one event by its key, without a walk", function()
    script.expect("usage_by_key", {}, nil, function(args)
      assert.equal(tg.crypto.hex(tg.crypto.sha256("gw\0e1")):sub(1, 32), args.dedupe)
    end)
    assert.same({}, (service.usage_list({ limit = 3, source = "gw", event_id = "e1" })))
  end)

  it("refuses a time that ends before it begins", function()
    local rows, err = service.usage_list({ limit = 3, from = 5, to = 5 })
    assert.is_nil(rows)
    assert.equal("?to", err.errors[1].pointer)
  end)
end)

describe("a summary", function()
  after_each(script.finish)

  local function row(company, status, events, billed_s, amount, currency)
    return {
      company = company, name = "n", status = status, events = events, billed_s = billed_s,
      amount = tg.decimal.new(amount), currency = currency or "USD",
    }
  end

  it("adds statuses up by group and over all, to the last digit", function()
    script.expect("totals_by_company", {
      row(ids.own, "rated", 2, 120, "0.000001"), row(ids.own, "not_billable", 1, 0, 0),
      row(ids.child, "rated", 5, 600, "2.5"),
    })
    script.expect("corrections_by_company", { row(ids.child, "rated", 0, 0, "-0.500001") })
    local summary = assert(service.usage_summary({ from = 0, to = DAY_US }))
    assert.equal(2, #summary.groups)
    assert.equal(3, summary.groups[1].events)
    assert.equal(1, summary.groups[1].counts.not_billable)
    assert.equal("0.000001", tostring(summary.groups[1].amount))
    assert.equal(1, #summary.totals)
    assert.equal(8, summary.totals[1].events)
    assert.equal(720, summary.totals[1].billed_s)
    assert.equal("2", tostring(summary.totals[1].amount))
  end)

  it("never adds one currency to another", function()
    script.expect("totals_by_company", {
      row(ids.own, "rated", 1, 60, 1, "USD"), row(ids.own, "rated", 1, 60, 5, "EUR"),
    })
    script.expect("corrections_by_company", {})
    local summary = assert(service.usage_summary({ from = 0, to = DAY_US }))
    assert.equal(2, #summary.groups)
    assert.equal(2, #summary.totals)
  end)

  it("covers the last 31 days when no time is given, and at most a year", function()
    script.expect("totals_by_company", {}, nil, function(args)
      assert.equal(31 * DAY_US, args.to - args.from)
      assert.equal(tg.time.now(), args.to)
    end)
    script.expect("corrections_by_company", {})
    assert(service.usage_summary({}))
    local summary, err = service.usage_summary({ from = 0, to = 367 * DAY_US })
    assert.is_nil(summary)
    assert.equal("?from", err.errors[1].pointer)
  end)

  it("begins in 1970 at the earliest", function()
    local summary, err = service.usage_summary({ to = -62135596800000000 })
    assert.is_nil(summary)
    assert.equal("?to", err.errors[1].pointer)
  end)

  it("is refused rather than cut when there are more groups than it can add up", function()
    local rows = {}
    for i = 1, 60000 do
      rows[i] = row(ids.own, "rated", 1, 0, 0)
    end
    script.expect("totals_by_company", rows)
    local summary, err = service.usage_summary({ from = 0, to = DAY_US })
    assert.is_nil(summary)
    assert.equal("too_many_groups", err.type)
  end)

  it("groups by meter and by day with statements of their own", function()
    for _, group_by in ipairs({ "meter", "day" }) do
      script.expect("totals_by_" .. group_by, {})
      script.expect("corrections_by_" .. group_by, {})
      assert(service.usage_summary({ group_by = group_by }))
    end
  end)
end)
