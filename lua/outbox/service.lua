--- What others are told of after a commit: events, written in the transaction that they are about.
--
-- An event is `noun.past_tense` with its object and the object's version; whoever listens orders by the version and
-- asks the API for the rest. Events are told at least once. A company's events are in one of 16 shards, and each shard
-- has one publisher at a time (a job), so that they come about in order.
--
-- They go to Redis (channel tollgate:events, a JSON object each), and then they are gone from here. While Redis is away
-- they wait, for an hour and ten thousand of a shard at most: they say that something is new, and what is new stands in
-- tables of its own; to listen again after an hour is to read those. Without that bound an installation that has no
-- Redis, and needs none, would fill its database.
local store = require("outbox.store")

local service = {}

local SHARDS <const> = 16
local CHANNEL <const> = "tollgate:events"
local AT_ONCE <const> = 200
local KEPT_US <const> = 3600 * 1000000
local KEPT_MAX <const> = 10000
local STOP_AFTER <const> = 5 * 1000000

tg.metrics.counter("tollgate_outbox", "Events by what became of them.", { "outcome" })

local function shard_of(company)
  return tg.crypto.sha256(company):byte(1) % SHARDS
end

---@class (exact) outbox.Event
---@field company string
---@field event string noun.past_tense
---@field object string an id, mostly
---@field version integer of the object
---@field data table

--- Adds an event.
---@param tx table
---@param event outbox.Event
---@return integer? added, table? err
function service.add(tx, event)
  assert(event.event:find("^%l[%l_]*%.%l[%l_]*$"), "an event is noun.past_tense")
  return store.insert(tx, {
    shard = shard_of(event.company), company = event.company, event = event.event, object = event.object,
    version = event.version, data = event.data, now = tg.time.now(),
  })
end

local function line_of(row)
  return tg.json.encode({
    id = tostring(row.id), company = row.company, event = row.event, object = row.object, version = row.version,
    data = row.data, time = tg.time.format(row.created_at),
  })
end

-- Publishes a page; how many rows it was, or nil and why Redis did not take it.
local function publish_page(shard)
  local rows, err = store.oldest(shard, AT_ONCE)
  if not rows then
    return nil, err
  end
  local told = {}
  for i, row in ipairs(rows) do
    local _, failed = tg.redis.call("PUBLISH", CHANNEL, line_of(row))
    if failed then
      err = failed
      break
    end
    told[i] = { id = row.id }
  end
  if told[1] then
    local deleted, failed = store.delete(told)
    if not deleted then
      return nil, failed
    end
    tg.metrics.inc("tollgate_outbox", { "published" }, #told)
  end
  if err then
    return nil, err
  end
  return #rows
end

--- Publishes what a shard has.
---@param shard integer
---@return true?, table? err
function service.publish(shard)
  local began = tg.time.now()
  repeat
    local n, err = publish_page(shard)
    if not n and err.code == "upstream" then -- Redis is away
      local dropped
      dropped, err = store.trim(shard, began - KEPT_US, KEPT_MAX, KEPT_MAX)
      if dropped and dropped > 0 then
        tg.metrics.inc("tollgate_outbox", { "dropped" }, dropped)
      end
      return dropped and true, err
    elseif not n then
      return nil, err
    end
  until n < AT_ONCE or tg.time.now() - began > STOP_AFTER
  return true
end

--- The shards with something to publish.
---@return integer[]? shards, table? err
function service.waiting()
  local rows, err = store.shards()
  if not rows then
    return nil, err
  end
  local shards = {}
  for i, row in ipairs(rows) do
    shards[i] = row.shard
  end
  return shards
end

return service
