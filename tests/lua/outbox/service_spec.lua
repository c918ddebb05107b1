local handlers = require("outbox.jobs")
local script = require("helper")
local service = require("outbox.service")

local ids = script.ids

local function row(id)
  return {
    id = id, company = ids.child, event = "wallet.topped_up", object = ids.wallet, version = 3, data = { n = id },
    created_at = 0,
  }
end

describe("the outbox", function()
  local published

  before_each(function()
    published = {}
    tg.redis.call = function(command, channel, line)
      assert.same({ "PUBLISH", "tollgate:events" }, { command, channel })
      published[#published + 1] = line
      return 1
    end
  end)

  after_each(script.finish)

  it("keeps a company's events in one shard", function()
    local shards = {}
    for i = 1, 2 do
      script.expect("insert_event", 1, nil, function(args)
        shards[i] = args.shard
      end)
      assert(tg.db.transaction(function(tx)
        return service.add(tx, {
          company = ids.child, event = "wallet.topped_up", object = ids.wallet, version = i, data = {},
        })
      end))
    end
    assert.equal(shards[1], shards[2])
    assert(shards[1] >= 0 and shards[1] < 16)
    assert.has_error(function()
      service.add({}, { event = "TopUp" })
    end)
  end)

  it("publishes what is there and deletes it", function()
    script.expect("oldest_events", { row(1), row(2) })
    script.expect("delete_event", 2, nil, function(args)
      assert.same({ { id = 1 }, { id = 2 } }, args)
    end)
    assert(handlers.publish({ shard = 4 }))
    local event = tg.json.decode(published[2])
    assert.same({ "2", "wallet.topped_up", 3 }, { event.id, event.event, event.version })
  end)

  it("keeps what Redis did not take, for a while", function()
    local call = tg.redis.call
    tg.redis.call = function(...)
      if #published == 1 then
        return nil, { code = "upstream", detail = "away" }
      end
      return call(...)
    end
    script.expect("oldest_events", { row(1), row(2) })
    script.expect("delete_event", 1, nil, function(args)
      assert.same({ { id = 1 } }, args)
    end)
    script.expect("place_of_oldest_kept", { id = 77 })
    script.expect("delete_events", 0, nil, function(args)
      assert.equal(77, args.last)
      assert.equal(tg.time.now() - 3600 * 1000000, args.before)
    end)
    assert(service.publish(4))
  end)

  it("makes one job for each shard that has something", function()
    script.expect("shards", { { shard = 3 }, { shard = 9 } })
    for _, shard in ipairs({ 3, 9 }) do
      script.expect("insert", shard == 3 and 1 or nil, shard == 9 and { native = 1062 } or nil, function(args)
        assert.equal("outbox:" .. shard, args.unique_key)
      end)
    end
    assert(handlers.look())
  end)
end)
