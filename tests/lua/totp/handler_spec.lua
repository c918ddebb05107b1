local code = require("totp.code")
local handler = require("totp.handler")
local script = require("helper")

local ids = script.ids
local SECRET <const> = "12345678901234567890"
local PASSWORD <const> = "correct horse battery"
local AWAY <const> = { code = "upstream" }

local function request(body)
  return script.request({
    body = body, principal = { company = ids.child, actor = ids.user, session = ids.session },
  })
end

local function sealed()
  return { sealed = tg.secrets.seal(SECRET, "totp/" .. ids.user:match("_(%w+)$")) }
end

local function expect_password()
  for _ = 1, 2 do
    script.expect("make_bucket", 0)
    script.expect("take_attempt", 1)
  end
  script.expect("password_of", { password_hash = tg.crypto.argon2id(PASSWORD) })
end

describe("requests about a second factor", function()
  after_each(script.finish)

  it("need somebody who has signed in", function()
    for _, name in ipairs({ "begin", "confirm", "renew_codes", "disable" }) do
      local status, err = handler[name](script.request({ body = {} }))
      assert.is_nil(status)
      assert.equal("denied", err.code)
    end
  end)

  it("show the secret when it is begun, and let nobody keep the answer", function()
    script.expect("own_user", { id = ids.user, email = "ada@example.com" })
    script.expect("begin", 1)
    script.expect("locked", { state = "pending", last_step = 0 })
    script.expect("put", 1)
    local status, body, headers = handler.begin(request())
    assert.equal(200, status)
    assert.truthy(body.uri:find("ada%40example.com?secret=" .. body.secret, 1, true))
    assert.equal("no-store", headers["cache-control"])
    script.expect("own_user", nil, AWAY)
    assert.same({ nil, AWAY }, { handler.begin(request()) })
  end)

  it("show recovery codes when it is confirmed, and when others are wanted", function()
    local now_code <const> = code.at(SECRET, code.step(tg.time.now()))
    script.expect("locked", { state = "pending", last_step = 0 })
    script.expect("get", sealed())
    script.expect("confirm", 1)
    script.expect("delete_codes", 0)
    for _ = 1, 10 do
      script.expect("insert_code", 1)
    end
    script.expect("revoke_sessions", 1, nil, function(args)
      assert.equal(ids.session, args.except)
    end)
    local status, body, headers = handler.confirm(request({ code = now_code }))
    assert.equal(200, status)
    assert.equal(10, #body.recovery_codes)
    assert.equal("no-store", headers["cache-control"])
    script.expect("state", nil)
    assert.equal("totp_off", select(2, handler.renew_codes(request())).type)
    for _, bad in ipairs({ "12345", "1234567", "abcdef", 123456 }) do
      assert.equal("invalid_input", select(2, handler.confirm(request({ code = bad }))).type)
    end
  end)

  it("take it from somebody else, by whoever may do all that they may", function()
    local function take(actor)
      return handler.take_away(script.request({
        params = { id = ids.user }, principal = { company = ids.own, actor = actor },
      }))
    end
    local function expect_user(roles_of_theirs, roles_of_ours)
      script.expect("user", { id = ids.user, company = ids.child })
      script.expect("assignments", {})
      script.expect("held", roles_of_theirs)
      script.expect("held", roles_of_ours)
    end
    local owner <const>, analyst <const> = { { role = "owner" } }, { { role = "analyst" } }
    local actor <const> = tg.id.new("usr")
    expect_user(analyst, owner)
    script.expect("locked", { state = "on" })
    for _, name in ipairs({ "delete", "delete_codes", "forget", "revoke_sessions" }) do
      script.expect(name, 1)
    end
    assert.equal(204, take(actor))
    expect_user(owner, analyst)
    assert.equal("denied", select(2, take(actor)).code)
    script.expect("user", { id = ids.user, company = ids.child })
    script.expect("assignments", {})
    assert.equal("denied", select(2, take(ids.user)).code)
    script.expect("user", nil)
    assert.equal("not_found", select(2, take(actor)).code)
    local status, err = handler.take_away(script.request({ params = { id = "usr_x" } }))
    assert.is_nil(status)
    assert.equal("not_found", err.code)
  end)

  it("turn it off with the password only", function()
    expect_password()
    local status, err = handler.disable(request({ password = "wrong" }))
    assert.is_nil(status)
    assert.equal("/password", err.errors[1].pointer)
    expect_password()
    script.expect("forget_failures", 1)
    script.expect("give_back", 1)
    script.expect("locked", { state = "on" })
    for _, name in ipairs({ "delete", "delete_codes", "forget", "revoke_sessions" }) do
      script.expect(name, 1)
    end
    assert.equal(204, handler.disable(request({ password = PASSWORD })))
  end)
end)
