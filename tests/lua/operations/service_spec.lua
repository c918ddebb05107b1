local operations = require("operations.service")
local script = require("helper")

local ROUTE <const> = "POST /v1/things"

local function request(text, key)
  return script.request({ text = text or "{}", headers = { ["idempotency-key"] = key or "k-1" } })
end

local function hash_of(text)
  return tg.crypto.sha256(ROUTE .. "\n" .. text)
end

-- A write that has its effect and records its answer in one transaction.
local function work(record)
  return tg.db.transaction(function(tx)
    local done, err = record(tx, 201, { id = "x" })
    return done and 201, done and { id = "x" } or err
  end)
end

describe("a write with an Idempotency-Key", function()
  after_each(script.finish)

  it("keeps its answer in the transaction of its effect", function()
    script.expect("operation", nil)
    script.expect("insert_operation", 1, nil, function(args)
      assert.is_true(script.in_transaction)
      assert.equal(tg.crypto.hex(hash_of("{}")), args.hash)
      assert.equal('{"id":"x"}', args.response)
      assert.equal(201, args.status)
    end)
    assert.equal(201, (operations.once(request(), ROUTE, work)))
  end)

  it("gets the kept answer when it is repeated, and has no second effect", function()
    script.expect("operation", { request_hash = hash_of("{}"), status = 201, response = '{"id":"x"}' })
    local status, body, headers = operations.once(request(), ROUTE, error)
    assert.equal(201, status)
    assert.same({ id = "x" }, body)
    assert.equal("true", headers["idempotency-replayed"])
  end)

  it("says again where the thing is", function()
    script.expect("operation", { request_hash = hash_of("{}"), status = 201, response = '{"id":"x"}' })
    local _, _, headers = operations.once(request(), ROUTE, error, "/v1/things/")
    assert.equal("/v1/things/x", headers.location)
  end)

  it("that met its twin at the name of what both make gets the twin's answer", function()
    local function refused()
      return nil, { code = "conflict", type = "deck_exists" }
    end
    script.expect("operation", nil)
    script.expect("operation", { request_hash = hash_of("{}"), status = 201, response = '{"id":"first"}' })
    local status, body = operations.once(request(), ROUTE, refused)
    assert.equal(201, status)
    assert.equal("first", body.id)
  end)

  it("is refused when the key stands with another body", function()
    script.expect("operation", { request_hash = hash_of("{}"), status = 201, response = "{}" })
    local status, err = operations.once(request('{"other":1}'), ROUTE, error)
    assert.is_nil(status)
    assert.equal("input", err.code)
    assert.equal("idempotency_key_reused", err.type)
  end)

  it("gives the answer of the other one when both came at the same moment", function()
    script.expect("operation", nil)
    script.expect("insert_operation", nil, { code = "conflict", native = 1062 })
    script.expect("operation", { request_hash = hash_of("{}"), status = 201, response = '{"id":"first"}' })
    local status, body = operations.once(request(), ROUTE, work)
    assert.equal(201, status)
    assert.equal("first", body.id)
  end)

  it("keeps no refusal: what was wrong may be put right", function()
    script.expect("operation", nil)
    script.expect("operation", nil) -- was it a twin? It was not
    local status, err = operations.once(request(), ROUTE, function()
      return nil, { code = "conflict", type = "deck_exists" }
    end)
    assert.is_nil(status)
    assert.equal("deck_exists", err.type)
  end)

  it("asks the database nothing without a key, and refuses a key that is none", function()
    local req = script.request()
    assert.equal(200, (operations.once(req, ROUTE, function(record)
      assert.is_true(record())
      return 200, {}
    end)))
    for _, key in ipairs({ "", "two words", ("k"):rep(256), "ä" }) do
      local status, err = operations.once(request("{}", key), ROUTE, error)
      assert.is_nil(status)
      assert.equal("input", err.code)
    end
  end)
end)
