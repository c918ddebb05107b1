--- Writes that happen once, however often they are sent.
-- A request may carry an Idempotency-Key. Its answer is kept in the transaction of its effect, so either both are
-- there or neither; a repeat with the same key gets the answer that was kept, and one with another body is refused.
-- Two at the same moment: the second waits for the first at the unique key, then gives the first one's answer.
-- Refusals are not kept: what was wrong may be put right and sent again.
local errors = require("core.errors")
local store = require("operations.store")

local service = {}

local KEY_LENGTH_MAX <const> = 255
local RACE <const> = "operation_raced" -- between record and once only, never shown

local function check_key(key)
  if #key > KEY_LENGTH_MAX or not key:find("^[!-~]+$") then
    return nil, errors.refused("invalid_idempotency_key", "Idempotency-Key must be 1 to 255 visible ASCII characters.")
  end
  return true
end

-- What was kept under the key: its answer, or the refusal of another request. Nothing: no value at all.
local function replay(key, hash, place)
  local kept, err = store.operation(key)
  if err then
    return nil, err
  end
  if not kept then
    return
  elseif tg.crypto.hex(kept.request_hash) ~= hash then
    return nil, errors.refused("idempotency_key_reused", "This Idempotency-Key was used for another request.")
  end
  local body = assert(tg.json.decode(kept.response))
  return kept.status, body, { ["idempotency-replayed"] = "true", location = place and place .. body.id }
end

local function recorder(key, hash, route)
  return function(tx, status, body)
    local done, err = store.insert(tx, {
      key = key, id = tg.id.new("op"), route = route, hash = hash, status = status,
      response = assert(tg.json.encode(body)), now = tg.time.now(),
    })
    if errors.is_duplicate(err) then
      return nil, errors.conflict(RACE, "The same request is being handled.")
    end
    return done, err
  end
end

local function record_nothing()
  return true
end

--- Runs `work` unless its answer is there already.
---@param req table
---@param route string "POST /v1/companies"
---@param work fun(record: fun(tx: table, status: integer, body: table): any, table?): integer?, any, table?
---  calls `record` as the last thing in the transaction of its effect, and returns what a handler returns
---@param place string? "/v1/companies/": before the id, where what was made is; the Location of a repeat's answer
---@return integer? status, any body_or_err, table? headers
function service.once(req, route, work, place)
  local key = req:header("idempotency-key")
  if not key then
    return work(record_nothing)
  end
  local good, err = check_key(key)
  if not good then
    return nil, err
  end
  local hash = tg.crypto.hex(tg.crypto.sha256(route .. "\n" .. req.body))
  local status, body, headers = replay(key, hash, place)
  if status or body then
    return status, body, headers
  end
  status, body, headers = work(recorder(key, hash, route))
  if status or body.code ~= "conflict" then
    return status, body, headers
  end
  -- What was in the way may be this very request, at its operation or at the name of what it made.
  local kept, answer, replayed = replay(key, hash, place)
  if kept or answer then
    return kept, answer, replayed
  elseif body.type == RACE then
    return nil, { code = "busy", detail = "The same request was being handled and did not succeed. Send it again." }
  end
  return nil, body
end

--- `once` for what makes one thing and shows it.
---@param req table
---@param route string
---@param how {status: integer, show: (fun(made: table): table), place: string?}
---@param make fun(record: fun(tx: table, made: table): any, table?): table?, table?
---@return integer? status, any body_or_err, table? headers
function service.make(req, route, how, make)
  return service.once(req, route, function(record)
    local made, err = make(function(tx, row)
      return record(tx, how.status, how.show(row))
    end)
    if not made then
      return nil, err
    end
    return how.status, how.show(made), how.place and { location = how.place .. made.id }
  end, how.place)
end

--- The end of a transaction that wrote a row: records the answer made of it.
---@param tx table
---@param record fun(tx: table, row: table): any, table?
---@param row table? as it was read again
---@param err table?
---@return table? row, table? err
function service.finish(tx, record, row, err)
  if not row then
    return nil, err
  end
  local done
  done, err = record(tx, row)
  if not done then
    return nil, err
  end
  return row
end

return service
