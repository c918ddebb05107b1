local jobs = require("rules.jobs")
local report = require("rules.report")
local script = require("helper")
local world = require("rules.world")

local ids = script.ids

local function backtest(changes)
  local made = {
    owner = ids.own, company = ids.child, id = tg.id.new("bt"), bundle = world.RELEASE, from_time = 0,
    to_time = 1000, state = "running",
    cursor_text = "", events_done = 0, events = 10, report = report.nothing(ids.child),
    updated_at = tg.time.now() - 61000000,
  }
  for key, value in pairs(changes or {}) do
    made[key] = value
  end
  return made
end

local function page(cursor)
  return { cursor = cursor, events = 5, samples = {}, companies = { { company = ids.own, currency = "USD", events = 5,
    same = 5, different = 0, errors = 0, stored = "1", new = "1", deltas = {} } } }
end

-- Doors that give these pages one after the other, each taking so many seconds.
local function open(pages, seconds)
  local n, now = 0, 0
  world.open({ page = function()
    n, now = n + 1, now + (seconds or 0) * 1000000
    return table.unpack(pages[n], 1, 2)
  end })
  tg.time.monotonic = function()
    return now
  end
end

local function expect_page(changed, check)
  script.expect("advance_backtest", changed, nil, function(args)
    assert.is_true(script.in_transaction)
    if check then
      check(args)
    end
  end)
end

describe("the job of a backtest", function()
  local monotonic = tg.time.monotonic
  after_each(function()
    tg.time.monotonic = monotonic
    script.finish()
    world.close()
  end)

  it("does page after page, and ends by starting whatever waits", function()
    open({ { page("p2") }, { page("") } })
    local this, waiting = backtest({ state = "waiting" }), backtest()
    script.expect("next_backtest", this)
    script.expect("count_below", { events = 10 })
    script.expect("begin_backtest", 1)
    script.expect("bundle", nil)
    expect_page(1, function(args)
      assert.same({ "", "p2", "running", 5 }, { args.cursor, args.next, args.state, args.events_done })
    end)
    expect_page(1, function(args)
      assert.same({ "p2", "", "done", 10 }, { args.cursor, args.next, args.state, args.events_done })
      assert.equal("2", args.report.groups[1].stored)
    end)
    script.expect("next_backtest", waiting)
    script.expect("insert", 1, nil, function(args)
      assert.equal(waiting.id, args.arguments.backtest)
    end)
    assert.is_true(jobs.backtest({ backtest = this.id }) ~= nil)
    assert.equal(ids.own, world.was_asked("assume"))
    assert.equal(ids.child, world.was_asked("page").company)
  end)

  it("makes the next job before its time is over, in the transaction of its last page", function()
    open({ { page("p2") }, { page("p3") } }, 3)
    local this = backtest()
    script.expect("next_backtest", this)
    script.expect("bundle", nil)
    expect_page(1)
    expect_page(1)
    script.expect("next_backtest", this)
    script.expect("insert", 1, nil, function(args)
      assert.is_true(script.in_transaction)
      assert.equal(this.id, args.arguments.backtest)
    end)
    assert.is_true(jobs.backtest({ backtest = this.id }) ~= nil)
  end)

  it("leaves when somebody else has done this page", function()
    open({ { page("p2") } }, 6)
    local this = backtest()
    script.expect("next_backtest", this)
    script.expect("bundle", nil)
    expect_page(0) -- its time is over, too: but the next job is for whoever wrote the page
    assert.is_true(jobs.backtest({ backtest = this.id }) ~= nil)
  end)

  it("waits for its turn, and leaves alone what is worked on", function()
    open({})
    script.expect("next_backtest", backtest())
    assert.is_true(jobs.backtest({ backtest = "bt_other" }))
    script.expect("next_backtest", backtest({ updated_at = tg.time.now() - 30000000 }))
    assert.is_true(jobs.backtest({}))
    script.expect("next_backtest", nil)
    assert.is_true(jobs.backtest({}))
  end)

  it("takes up what was forgotten", function()
    open({ { page("") } })
    script.expect("next_backtest", backtest())
    script.expect("bundle", nil)
    expect_page(1)
    script.expect("next_backtest", nil)
    assert.is_true(jobs.backtest({}) ~= nil)
  end)

  it("is tried again when something is away, and fails when it can never be done", function()
    open({ { nil, { code = "upstream", detail = "away" } } })
    script.expect("next_backtest", backtest())
    script.expect("bundle", nil)
    local done, err = jobs.backtest({})
    assert.is_nil(done)
    assert.equal("upstream", err.code)
    open({})
    script.expect("next_backtest", backtest({ bundle = world.ACTIVE }))
    script.expect("bundle", nil)
    script.expect("fail_backtest", 1, nil, function(args)
      assert.equal("There is no such bundle.", args.error)
    end)
    script.expect("next_backtest", nil)
    assert.is_true(jobs.backtest({}))
    open({ { nil, { code = "bug", detail = ("é"):rep(600) } } })
    script.expect("next_backtest", backtest())
    script.expect("bundle", nil)
    script.expect("fail_backtest", 1, nil, function(args)
      assert.is_truthy(utf8.len(args.error))
    end)
    script.expect("next_backtest", nil)
    assert.is_true(jobs.backtest({}))
  end)
end)
