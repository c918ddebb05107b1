local jobs = require("calls.jobs")
local script = require("helper")

local function due(n)
  local rows = {}
  for i = 1, n do
    rows[i] = { company = script.ids.child, call_id = "c-" .. i, id = "call-" .. i, expires_at = 1000 + i }
  end
  return rows
end

describe("calls that nobody settled", function()
  local ended, clock
  local monotonic <const> = tg.time.monotonic
  before_each(function()
    ended, clock = {}, 0
    tg.calls = {
      expire = function(list)
        ended[#ended + 1] = #list
        return #list
      end,
    }
    tg.time.monotonic = function()
      return clock
    end
  end)
  after_each(function()
    tg.calls, tg.time.monotonic = nil, monotonic
    script.finish()
  end)

  it("end portion by portion, until none is left", function()
    script.expect("due_calls", due(500))
    script.expect("due_calls", due(500))
    script.expect("due_calls", due(7))
    assert.is_true(jobs.expire())
    assert.same({ 500, 500, 7 }, ended)
  end)

  it("cost one question when there are none", function()
    script.expect("due_calls", {})
    assert.is_true(jobs.expire())
    assert.same({}, ended)
  end)

  it("are passed when they cannot end, and come again after the others", function()
    tg.calls.expire = function()
      return 0
    end
    script.expect("due_calls", due(500), nil, function(args)
      assert.equal(0, args.from)
    end)
    script.expect("due_calls", due(7), nil, function(args)
      assert.same({ 1500, script.ids.child, "call-500" }, { args.from, args.company, args.id })
    end)
    assert.is_true(jobs.expire())
    script.expect("due_calls", due(0), nil, function(args)
      assert.equal(0, args.from)
    end)
    assert.is_true(jobs.expire())
  end)

  it("leave counters behind that nobody looks at any more", function()
    script.expect("purge_minutes", 12, nil, function(args)
      assert.equal(tg.time.now() // 60000000 - 61, args.before)
    end)
    script.expect("idle_counters", { { company = "0A", counter = "0B" } })
    script.expect("drop_idle_counters", 1)
    assert.is_true(jobs.purge_counters())
  end)

  it("are left to it as well when there are too many", function()
    tg.calls.expire = function()
      clock = clock + 3000000
      return 500
    end
    script.expect("due_calls", due(500))
    script.expect("due_calls", due(500))
    assert.is_true(jobs.expire())
    tg.calls.expire = function()
      return 0
    end
    script.expect("due_calls", {}, nil, function(args)
      assert.equal(1500, args.from) -- goes on where it was
    end)
    assert.is_true(jobs.expire())
  end)

  it("wait while the database is away", function()
    script.expect("due_calls", nil, { code = "upstream", detail = "gone" })
    local done, err = jobs.expire()
    assert.is_nil(done)
    assert.equal("upstream", err.code)
  end)

  it("do not keep the others from it when one of them cannot end", function()
    tg.calls.expire = function()
      return nil, { code = "busy", detail = "the queue is full" }
    end
    script.expect("due_calls", due(500))
    script.expect("due_calls", {})
    assert.is_true(jobs.expire())
  end)
end)
