local code = require("totp.code")
local script = require("helper")
local service = require("totp.service")

local ids = script.ids
local SECRET <const> = "12345678901234567890"
local AWAY <const> = { code = "upstream" }
local stand_in <const> = require("fake_tg")

local function sealed()
  return { sealed = tg.secrets.seal(SECRET, "totp/" .. ids.user:match("_(%w+)$")) }
end

local function now_code()
  return code.at(SECRET, code.step(tg.time.now()))
end

describe("a second factor", function()
  after_each(script.finish)

  it("begins with a secret that is kept sealed, in the transaction that begins it", function()
    local kept
    script.expect("begin", 1, nil, function()
      assert.is_true(script.in_transaction)
    end)
    script.expect("locked", { state = "pending", last_step = 0 })
    script.expect("put", 1, nil, function(args)
      assert.is_true(script.in_transaction)
      assert.equal(ids.user, args.owner)
      kept = args.sealed
    end)
    local shown = service.begin(ids.user, "ada@example.com")
    assert.equal(32, #shown.secret)
    assert.truthy(shown.uri:find("secret=" .. shown.secret, 1, true))
    assert.is_nil(kept:find(shown.secret, 1, true))
  end)

  it("that is on is not begun, nor confirmed again", function()
    script.expect("begin", 0)
    script.expect("locked", { state = "on", last_step = 7 })
    assert.equal("totp_on", select(2, service.begin(ids.user, "a")).type)
    script.expect("locked", { state = "on", last_step = 7 })
    assert.equal("totp_on", select(2, service.confirm(ids.user, now_code())).type)
    script.expect("locked", nil)
    assert.equal("totp_not_begun", select(2, service.confirm(ids.user, now_code())).type)
  end)

  it("is on once a first code has come back, with ten recovery codes of which only hashes are kept", function()
    local hashes = {}
    script.expect("locked", { state = "pending", last_step = 0 })
    script.expect("get", sealed())
    script.expect("confirm", 1, nil, function(args)
      assert.equal(code.step(tg.time.now()), args.step)
    end)
    script.expect("delete_codes", 0)
    for _ = 1, 10 do
      script.expect("insert_code", 1, nil, function(args)
        hashes[args.hash] = true
      end)
    end
    script.expect("revoke_sessions", 1)
    local codes = service.confirm(ids.user, now_code())
    assert.equal(10, #codes)
    for _, text in ipairs(codes) do
      assert.truthy(text:find("^%l%l%l%l") or text:find("^[a-z2-7][a-z2-7][a-z2-7][a-z2-7]%-"))
      assert.equal(19, #text)
      assert.is_nil(hashes[tg.crypto.hex(tg.crypto.sha256(text))])
    end
    script.expect("locked", { state = "pending", last_step = 0 })
    script.expect("get", sealed())
    local none, err = service.confirm(ids.user, "000000")
    assert.is_nil(none)
    assert.equal("/code", err.errors[1].pointer)
  end)

  it("proves somebody by a code that nobody has taken, or by a recovery code however it is written", function()
    local function state()
      script.expect("state", { state = "on", last_step = 0, n_codes = 10 })
      script.expect("get", sealed())
    end
    for taken, proved in pairs({ [0] = false, [1] = true }) do
      state()
      script.expect("take_step", taken)
      assert.equal(proved, service.prove(ids.user, { code = now_code() }))
    end
    local hash
    for i, text in ipairs({ "abcd-efgh-ijkl-mnop", "ABCDEFGHIJKLMNOP", " abcd efgh ijkl mnop " }) do
      state()
      script.expect("take_code", 1, nil, function(args)
        hash = hash or args.hash
        assert.equal(hash, args.hash, i)
      end)
      assert.is_true(service.prove(ids.user, { recovery_code = text }))
    end
  end)

  it("that is off proves nobody", function()
    for _, row in ipairs({ false, { state = "pending", last_step = 0, n_codes = 0 } }) do
      script.expect("state", row or nil)
      assert.equal(false, (service.prove(ids.user, { code = now_code() })))
    end
  end)

  it("proves nobody when something is away", function()
    script.expect("state", nil, AWAY)
    assert.same({ nil, AWAY }, { service.prove(ids.user, { code = now_code() }) })
    script.expect("state", { state = "on", last_step = 0, n_codes = 10 })
    script.expect("get", sealed())
    script.expect("take_step", nil, AWAY)
    assert.same({ nil, AWAY }, { service.prove(ids.user, { code = now_code() }) })
    script.expect("state", { state = "on", last_step = 0, n_codes = 10 })
    script.expect("get", { sealed = "changed" })
    assert.equal("secret_unreadable", select(2, service.prove(ids.user, { code = now_code() })).type)
    local key <const> = stand_in.master_key
    stand_in.master_key = nil
    assert.equal("master_key_missing", select(2, service.begin(ids.user, "a")).type)
    stand_in.master_key = key
  end)

  it("is turned off with all that belongs to it, without opening anything", function()
    script.expect("locked", { state = "on", last_step = 7 })
    for _, name in ipairs({ "delete", "delete_codes", "forget", "revoke_sessions" }) do
      script.expect(name, 1, nil, function()
        assert.is_true(script.in_transaction)
      end)
    end
    assert.is_true(service.disable(ids.user, "totp.disable"))
    script.expect("locked", nil)
    assert.equal("totp_off", select(2, service.disable(ids.user, "totp.disable")).type)
  end)

  it("gets fresh recovery codes while it is on", function()
    script.expect("state", { state = "on", last_step = 0, n_codes = 1 })
    script.expect("get", sealed())
    script.expect("locked", { state = "on", last_step = 0 })
    script.expect("delete_codes", 10)
    for _ = 1, 10 do
      script.expect("insert_code", 1)
    end
    assert.equal(10, #service.renew_codes(ids.user))
    script.expect("state", nil)
    assert.equal("totp_off", select(2, service.renew_codes(ids.user)).type)
  end)
end)
