--- The table `outbox`.
local store = {}

local SYSTEM <const> = "what all companies' transactions leave is published by one system"

local sql <const> = tg.db.declare({
  insert_event = {
    unscoped = "written in the transaction of what happened, for the company that it happened to",
    sql = [[
      INSERT INTO outbox (shard, company_id, event, object, version, data, created_at)
      VALUES ({shard}, {company:id}, {event}, {object}, {version}, {data:json}, {now:time})]],
  },
  shards = { unscoped = SYSTEM, sql = "SELECT DISTINCT shard FROM outbox" },
  oldest_events = {
    unscoped = SYSTEM,
    sql = [[
      SELECT id, company_id AS `company:co`, event, object, version, data AS `data:json`, created_at FROM outbox
       WHERE shard = {shard} ORDER BY id LIMIT {limit}]],
  },
  delete_event = { unscoped = SYSTEM, sql = "DELETE FROM outbox WHERE id = {id}" },
  -- What is too many of a shard: all but its youngest.
  place_of_oldest_kept = {
    unscoped = SYSTEM,
    sql = "SELECT id FROM outbox WHERE shard = {shard} ORDER BY id DESC LIMIT 1 OFFSET {kept}",
  },
  delete_events = {
    unscoped = SYSTEM,
    sql = [[
      DELETE FROM outbox WHERE shard = {shard} AND (id <= {last} OR created_at < {before:time}) ORDER BY id
       LIMIT {limit}]],
  },
})

function store.insert(tx, event)
  return tx:execute(sql.insert_event, event)
end

--- The shards that have something.
---@return {shard: integer}[]? rows, table? err
function store.shards()
  return tg.db.query(sql.shards)
end

function store.oldest(shard, limit)
  return tg.db.query(sql.oldest_events, { shard = shard, limit = limit })
end

---@param events {id: integer}[]
function store.delete(events)
  return tg.db.bulk(sql.delete_event, events)
end

--- Deletes what is older than `before`, and what is more than `kept`.
function store.trim(shard, before, kept, limit)
  local row, err = tg.db.one(sql.place_of_oldest_kept, { shard = shard, kept = kept })
  if err then
    return nil, err
  end
  return tg.db.execute(sql.delete_events, {
    shard = shard, last = row and row.id or 0, before = before, limit = limit,
  })
end

return store
