require("helper")
local consumed = require("corrections.consumed")

describe("what a price has taken", function()
  it("is the difference of what the rule was given and answered", function()
    local before <const> = {
      counter_s = 5950, period = 24318, bundles = { { id = "a", remaining_s = 100 }, { id = "b", remaining_s = 7 } },
      meters = { sms = { quantity = "10", last = 3 } },
    }
    local after <const> = {
      counter_s = 6050, bundles = { a = 40, b = 7 }, meters = { sms = { quantity = tg.decimal.new("12.5"), last = 3 } },
    }
    assert.same({ counter_s = 100, bundles = { a = 60 }, meters = { sms = { quantity = "2.5" } } },
      consumed.of(before, after))
  end)

  it("is nothing where the price depends on nothing", function()
    assert.is_nil(consumed.of(nil, { counter_s = 5 }))
    assert.is_nil(consumed.of({ counter_s = 5 }, { counter_s = 5 }))
  end)

  it("is looked for in the lots of a memory", function()
    local before <const> = { meters = { tts = { lots = { { last = 1, used = 5 }, { last = 2, used = 0 } } } } }
    local after <const> = { meters = { tts = { lots = { { last = 1, used = 5 }, { last = 2, used = 3 } } } } }
    assert.same({ meters = { tts = { lots = { { last = 2, used = "3" } } } } }, consumed.of(before, after))
  end)
end)

describe("counters", function()
  it("go to where they would be, and not below zero", function()
    assert.equal(6030, consumed.replace({ counter_s = 6110 }, { counter_s = 100 }, { counter_s = 20 }).counter_s)
    assert.equal(0, consumed.replace({ counter_s = 10 }, { counter_s = 100 }).counter_s)
    assert.equal(15, consumed.replace({ counter_s = 10 }, nil, { counter_s = 5 }).counter_s)
  end)

  it("of memories and lots, too", function()
    local state <const> = {
      counter_s = 0, meters = { sms = { quantity = "10", last = 3 }, tts = { lots = { { last = 2, used = "3" } } } },
    }
    local moved <const> = consumed.replace(state,
      { meters = { sms = { quantity = "2.5" }, tts = { lots = { { last = 2, used = "3" } } } } },
      { meters = { sms = { quantity = "1" } } })
    assert.same({ quantity = "8.5", last = 3 }, moved.meters.sms)
    assert.same({ last = 2, used = "0" }, moved.meters.tts.lots[1])
    assert.equal("10", state.meters.sms.quantity)
  end)
end)

describe("the position of a correction", function()
  local before <const> = { counter_s = 5, bundles = { { id = "a", remaining_s = 100, priority = 1 } } }

  it("is that of the usage", function()
    assert.same(before, consumed.position(before, { bundles = { a = 60 } }, { a = 40 }))
    assert.is_nil(consumed.position(nil, nil, {}))
  end)

  it("has no free seconds that others have used meanwhile", function()
    local state <const> = consumed.position(before, { bundles = { a = 60 } }, { a = 10 })
    assert.equal(70, state.bundles[1].remaining_s)
    assert.equal(1, state.bundles[1].priority)
    assert.equal(100, before.bundles[1].remaining_s)
  end)
end)
