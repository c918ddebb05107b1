local handler = require("realtime.handler")
local jobs = require("realtime.jobs")
local jwt = require("realtime.jwt")
local script = require("helper")
local service = require("realtime.service")

local ids = script.ids
local HOUR <const> = 3600 * 1000000
local DAY <const> = 24 * HOUR
local AWAY <const> = { code = "upstream" }

local function key(age)
  local seed, public = tg.crypto.ed25519.keypair()
  local id = tg.id.new("jwk")
  return {
    id = id, public_key = public, created_at = tg.time.now() - age - HOUR, signs_from = tg.time.now() - age,
    sealed = tg.secrets.seal(seed, "jwt/" .. id:match("_(%w+)$")),
  }
end

local function kid_of(token)
  return tg.json.decode(tg.crypto.unbase64url(token:match("^[^.]+"))).kid
end

describe("a token for realtime", function()
  after_each(script.finish)

  it("is signed with the youngest key that may sign, and says who, which session and how long", function()
    local rows <const> = { key(-HOUR), key(DAY), key(40 * DAY) }
    script.expect("keys", rows)
    script.expect("get", { sealed = rows[2].sealed }, nil, function(args)
      assert.equal(rows[2].id, args.owner)
    end)
    local token, expires_at = service.token({ company = ids.own, actor = ids.user }, ids.session)
    assert.equal(tg.time.now() + 300 * 1000000, expires_at)
    assert.equal(jwt.kid(rows[2].public_key), kid_of(token))
    script.expect("keys", rows)
    local claims = service.verify(token)
    assert.same({ ids.user, ids.session, ids.own }, { claims.sub, claims.sid, claims.co })
  end)

  it("does not live longer than its session", function()
    local row <const> = key(DAY)
    script.expect("keys", { row })
    script.expect("get", { sealed = row.sealed })
    local ends_at <const> = tg.time.now() + 60 * 1000000
    assert.equal(ends_at, select(2, service.token({ company = ids.own, actor = ids.user }, ids.session, ends_at)))
  end)

  it("makes the first key when there is none", function()
    local sealed
    script.expect("keys", {})
    script.expect("insert", 1, nil, function(args)
      assert.equal(tg.time.now(), args.signs_from)
      assert.is_true(script.in_transaction)
    end)
    script.expect("put", 1, nil, function(args)
      sealed = args.sealed:gsub("..", function(digits)
        return string.char(tonumber(digits, 16))
      end)
      script.steps[1].answer = { sealed = sealed }
    end)
    script.expect("get", {})
    assert.is_string(service.token({ company = ids.own, actor = ids.key }))
  end)

  it("is not given without the master key, nor when the database is away", function()
    script.expect("keys", nil, AWAY)
    assert.same({ nil, AWAY }, { service.token({ company = ids.own, actor = ids.key }) })
    local stand_in <const> = require("fake_tg")
    stand_in.master_key = nil
    script.expect("keys", {})
    local token, err = service.token({ company = ids.own, actor = ids.key })
    stand_in.master_key = "key2"
    assert.is_nil(token)
    assert.equal("master_key_missing", err.type)
    script.expect("keys", nil, AWAY)
    assert.same({ nil, AWAY }, { service.verify("x") })
  end)

  it("can be checked by anybody with the public keys", function()
    local rows <const> = { key(DAY) }
    script.expect("keys", rows)
    local status, body = handler.keys()
    assert.equal(200, status)
    assert.same({
      kty = "OKP", crv = "Ed25519", alg = "EdDSA", use = "sig", kid = jwt.kid(rows[1].public_key),
      x = tg.crypto.base64url(rows[1].public_key),
    }, body.keys[1])
    script.expect("keys", nil, AWAY)
    assert.same({ nil, AWAY }, { handler.keys() })
  end)
end)

describe("a signing key", function()
  after_each(script.finish)

  it("is followed by the next an hour before its thirty days are over", function()
    script.expect("keys", { key(30 * DAY - HOUR - 1) })
    assert.is_true(jobs.rotate())
    script.expect("keys", { key(30 * DAY - HOUR) })
    script.expect("insert", 1, nil, function(args)
      assert.equal(tg.time.now() + HOUR, args.signs_from)
    end)
    script.expect("put", 1)
    assert.is_true(jobs.rotate())
  end)

  it("goes once no living token was signed with it, and its seed with it", function()
    local rows <const> = { key(2 * HOUR), key(30 * DAY) }
    script.expect("keys", rows)
    script.expect("delete", 1, nil, function(args)
      assert.equal(rows[2].id, args.id)
    end)
    script.expect("forget", 1, nil, function(args)
      assert.equal(rows[2].id, args.owner)
    end)
    assert.is_true(jobs.rotate())
    for _, young in ipairs({ key(0), key(-HOUR), key(HOUR) }) do
      script.expect("keys", { young, key(30 * DAY) })
      assert.is_true(jobs.rotate())
    end
  end)

  it("is made by the first token, not by the job", function()
    script.expect("keys", {})
    assert.is_true(jobs.rotate())
    script.expect("keys", nil, AWAY)
    assert.same({ nil, AWAY }, { jobs.rotate() })
  end)
end)
