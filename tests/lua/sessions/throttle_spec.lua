local script = require("helper")
local store = require("sessions.store")
local throttle = require("sessions.throttle")

local function expect_attempt(taken)
  script.expect("make_bucket", 0)
  script.expect("take_attempt", taken)
end

describe("guessing", function()
  after_each(script.finish)

  it("is counted by address and by address and account: never by the account alone", function()
    local here, there = throttle.buckets("ada@x.y", "192.0.2.1"), throttle.buckets("ada@x.y", "192.0.2.2")
    local other = throttle.buckets("bob@x.y", "192.0.2.1")
    assert.are_not.equal(here[1].hash, there[1].hash)
    assert.are_not.equal(here[2].hash, there[2].hash)
    assert.are_not.equal(here[1].hash, other[1].hash)
    assert.equal(here[2].hash, other[2].hash)
    assert.is_true(here[1].free < here[2].free)
  end)

  it("from one network of IPv6 is from one address", function()
    local buckets = {}
    for i, address in ipairs({
      "2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:2:3:4:5:6", "2001:db8:1:3::1",
    }) do
      buckets[i] = throttle.buckets("ada@x.y", address)[1].hash
    end
    assert.equal(buckets[1], buckets[2])
    assert.equal(buckets[1], buckets[3])
    assert.are_not.equal(buckets[1], buckets[4])
  end)

  it("from an address that is written shorter is from the same network", function()
    local function bucket(address)
      return throttle.buckets("ada@x.y", address)[1].hash
    end
    assert.equal(bucket("192.0.2.1"), bucket("::ffff:192.0.2.1"))
    assert.are_not.equal(bucket("::ffff:192.0.2.1"), bucket("::ffff:192.0.2.2"))
    assert.equal(bucket("2001:db8:0:0:1:2:3:4"), bucket("2001:db8::9"))
    assert.equal(bucket("2001:db8::1:2:3:4"), bucket("2001:db8:0:0:5::"))
    assert.are_not.equal(bucket("2001:db8::1"), bucket("2001:db8:0:1::1"))
    assert.are_not.equal(bucket("2001:db8::1:2:3:4:5"), bucket("2001:db8::1:2:3:4")) -- 0:1 and 0:0
    assert.equal(bucket("::1"), bucket("::"))
    assert.are_not.equal(bucket("::1"), bucket("1::"))
  end)

  it("at letters is counted apart from guessing at passwords", function()
    local letters, passwords = throttle.letter_buckets("ada@x.y", "::1"), throttle.buckets("ada@x.y", "::1")
    local others <const> = throttle.letter_buckets("bob@x.y", "::1")
    assert.are_not.equal(letters[1].hash, passwords[1].hash)
    assert.are_not.equal(letters[2].hash, passwords[2].hash)
    assert.are_not.equal(letters[1].hash, others[1].hash)
    assert.equal(letters[2].hash, others[2].hash)
  end)

  it("goes on while there are free attempts", function()
    expect_attempt(1)
    expect_attempt(1)
    assert.is_true(throttle.enter(throttle.buckets("ada@x.y", "192.0.2.1"), tg.time.now()))
  end)

  it("waits when there are none, and is told how long", function()
    local now <const> = tg.time.now()
    expect_attempt(0)
    script.expect("failure", { failures = 8, last_at = now - 1000000 }) -- free: 5, so 2^3 s after the last
    local may, err = throttle.enter(throttle.buckets("ada@x.y", "192.0.2.1"), now)
    assert.is_nil(may)
    assert.equal("too_many_attempts", err.type)
    assert.equal(429, err.status)
    assert.equal(7, err.retry_after)
  end)

  it("waits at least a second, also when somebody took the last attempt just now", function()
    expect_attempt(1)
    expect_attempt(0)
    script.expect("failure", nil)
    local _, err = throttle.enter(throttle.buckets("ada@x.y", "192.0.2.1"), tg.time.now())
    assert.equal(1, err.retry_after)
  end)

  it("waits twice as long each time, a quarter of an hour at most", function()
    for failures, wait_s in pairs({ [4] = 1, [5] = 1, [6] = 2, [7] = 4, [14] = 512, [15] = 900, [1000] = 900 }) do
      assert.equal(wait_s * 1000000, store.wait_us(failures, 5))
    end
  end)

  it("is not let in by a database that is away", function()
    local away <const> = { code = "busy" }
    local buckets <const> = throttle.buckets("ada@x.y", "192.0.2.1")
    script.expect("make_bucket", nil, away)
    assert.same({ nil, away }, { throttle.enter(buckets, 0) })
    script.expect("make_bucket", 1)
    script.expect("take_attempt", nil, away)
    assert.same({ nil, away }, { throttle.enter(buckets, 0) })
    expect_attempt(0)
    script.expect("failure", nil, away)
    assert.same({ nil, away }, { throttle.enter(buckets, 0) })
  end)

  it("that was right forgets the pair, and gives the address one attempt back", function()
    local buckets <const> = throttle.buckets("ada@x.y", "192.0.2.1")
    script.expect("forget_failures", 1, nil, function(args)
      assert.equal(buckets[1].hash, args.bucket)
    end)
    script.expect("give_back", 1, nil, function(args)
      assert.equal(buckets[2].hash, args.bucket)
    end)
    throttle.succeeded(buckets)
  end)
end)
