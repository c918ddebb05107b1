local jobs = require("calls.jobs")
local script = require("helper")

local function due(n)
  local rows = {}
  for i = 1, n do
    rows[i] = { company = script.ids.child, call_id = "c-" .. i }
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

  it("are left to the next second when nothing of a portion ends", function()
    tg.calls.expire = function()
      return 0
    end
    script.expect("due_calls", due(500))
    assert.is_true(jobs.expire())
  end)

  it("are left to it as well when there are too many", function()
    tg.calls.expire = function()
      clock = clock + 3000000
      return 500
    end
    script.expect("due_calls", due(500))
    script.expect("due_calls", due(500))
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
    assert.is_true(jobs.expire())
  end)
end)
