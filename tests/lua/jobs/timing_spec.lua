local timing = require("jobs.timing")

local SECOND <const> = 1000000

describe("the wait after a failure", function()
  it("doubles from five seconds to an hour, half of it left to chance", function()
    for attempts, seconds in ipairs({ 5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600 }) do
      assert.equal(seconds * SECOND // 2, timing.backoff(attempts, 0))
      assert.equal(seconds * SECOND, timing.backoff(attempts, 1000))
    end
    assert.equal(3600 * SECOND, timing.backoff(1000, 1000))
    assert.equal("integer", math.type(timing.backoff(3, 500)))
  end)
end)

describe("the next slot", function()
  it("is the first after now, so that missed ones are not made up for", function()
    assert.equal(60 * SECOND, timing.next_slot(0, 60, 0))
    assert.equal(60 * SECOND, timing.next_slot(0, 60, 59 * SECOND))
    assert.equal(120 * SECOND, timing.next_slot(0, 60, 60 * SECOND))
    assert.equal(7260 * SECOND, timing.next_slot(0, 60, 7200 * SECOND + 1))
  end)
end)
