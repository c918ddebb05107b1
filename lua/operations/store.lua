--- SQL of operations: what was answered to a request that carried an Idempotency-Key.
local store = {}

local sql <const> = tg.db.declare({
  operation = [[
    SELECT request_hash, status, response FROM operations WHERE company_id = {scope} AND idempotency_key = {key}]],
  insert_operation = [[
    INSERT INTO operations (company_id, idempotency_key, id, route, request_hash, status, response, created_at)
    VALUES ({scope}, {key}, {id:id}, {route}, {hash:hex}, {status}, {response}, {now:time})]],
})

function store.operation(key)
  return tg.db.one(sql.operation, { key = key })
end

function store.insert(tx, operation)
  return tx:execute(sql.insert_operation, operation)
end

return store
