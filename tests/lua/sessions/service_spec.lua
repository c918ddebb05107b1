local code = require("totp.code")
local jobs = require("sessions.jobs")
local script = require("helper")
local service = require("sessions.service")
local token = require("identity.token")

local ids = script.ids
local HOUR <const> = 3600 * 1000000
local ORIGIN <const> = { address = "192.0.2.1", agent = "curl/8" }
local PASSWORD <const> = "correct horse battery"
local HASH <const> = tg.crypto.argon2id(PASSWORD)

local function ada(fields)
  local row = {
    id = ids.user, company = ids.child, email = "Ada@example.com", name = "Ada", status = "active",
    password_hash = HASH, company_status = "active",
  }
  for name, value in pairs(fields or {}) do
    row[name] = value
  end
  return row
end

local function expect_free_attempt()
  for _ = 1, 2 do
    script.expect("make_bucket", 0)
    script.expect("take_attempt", 1)
  end
end

local function expect_success()
  script.expect("forget_failures", 1)
  script.expect("give_back", 1)
end

-- Three buckets: whoever tries second factors knows the password.
local function expect_free_factor()
  expect_free_attempt()
  script.expect("make_bucket", 0)
  script.expect("take_attempt", 1)
end

local SECRET <const> = ("12345678901234567890")

local function expect_factor()
  script.expect("state", { state = "on", last_step = 0, n_codes = 10 })
  script.expect("get", { sealed = tg.secrets.seal(SECRET, "totp/" .. ids.user:match("_(%w+)$")) })
end

local function code_of_now()
  return code.at(SECRET, code.step(tg.time.now()))
end

describe("signing in", function()
  after_each(script.finish)

  it("gives a token of which only the hash is kept", function()
    local kept
    expect_free_attempt()
    script.expect("by_email", ada(), nil, function(args)
      assert.equal("ada@example.com", args.folded)
    end)
    expect_success()
    script.expect("state", nil)
    script.expect("insert", 1, nil, function(args)
      kept = args
    end)
    script.expect("touch_user", 1)
    script.expect("end_oldest", 0)
    local signed_in = service.login({ email = "ADA@example.com", password = PASSWORD }, ORIGIN)
    local id, hash = token.parse(signed_in.session.token, "ses")
    assert.equal(signed_in.session.id, id)
    assert.equal(kept.hash, tg.crypto.hex(hash))
    assert.equal(ids.child, kept.company)
    assert.equal(tg.time.now() + 30 * 24 * HOUR, signed_in.session.expires_at)
    for _, value in pairs(kept) do
      assert.are_not.equal(signed_in.session.token, value)
    end
  end)

  it("says the same of nobody, a wrong password and whoever may not", function()
    local wrong = { email = "ada@example.com", password = "wrong" }
    local right = { email = "ada@example.com", password = PASSWORD }
    local first
    for _, case in ipairs({
      { nil, right }, { ada(), wrong }, { ada({ status = "disabled" }), right }, { ada({ status = "invited" }), right },
      { ada({ company_status = "suspended" }), right }, { ada({ status = "invited", password_hash = false }), wrong },
    }) do
      expect_free_attempt()
      script.expect("by_email", case[1])
      local signed_in, err = service.login(case[2], ORIGIN)
      assert.is_nil(signed_in)
      first = first or err
      assert.same(first, err)
    end
    assert.equal(401, first.status)
  end)

  it("hashes as long for nobody as for somebody", function()
    local verify, asked = tg.crypto.argon2id_verify, {}
    tg.crypto.argon2id_verify = function(_, hash)
      asked[#asked + 1] = hash
      return false
    end
    expect_free_attempt()
    script.expect("by_email", nil)
    service.login({ email = "nobody@example.com", password = "x" }, ORIGIN)
    tg.crypto.argon2id_verify = verify
    assert.same({ require("users.service").NOBODYS_HASH }, asked)
  end)

  it("keeps of the user agent what is text, and not too much", function()
    for given, kept in pairs({
      [("x"):rep(400)] = ("x"):rep(300), [("x"):rep(299) .. "ä"] = ("x"):rep(299), ["\xff"] = "",
    }) do
      expect_free_attempt()
      script.expect("by_email", ada())
      expect_success()
      script.expect("state", { state = "pending", n_codes = 0 })
      script.expect("insert", 1, nil, function(args)
        assert.equal(kept, args.agent)
      end)
      script.expect("touch_user", 1)
      script.expect("end_oldest", 0)
      service.login({ email = "ada@example.com", password = PASSWORD }, { address = "::1", agent = given })
    end
  end)

  it("fails as a whole when the database does", function()
    local away <const> = { code = "upstream" }
    expect_free_attempt()
    script.expect("by_email", nil, away)
    assert.same({ nil, away }, { service.login({ email = "ada@example.com", password = PASSWORD }, ORIGIN) })
    expect_free_attempt()
    script.expect("by_email", ada())
    expect_success()
    script.expect("state", nil, away)
    assert.same({ nil, away }, { service.login({ email = "ada@example.com", password = PASSWORD }, ORIGIN) })
    expect_free_attempt()
    script.expect("by_email", ada())
    expect_success()
    script.expect("state", nil)
    script.expect("insert", nil, away)
    assert.same({ nil, away }, { service.login({ email = "ada@example.com", password = PASSWORD }, ORIGIN) })
  end)
end)

describe("signing in with a second factor", function()
  after_each(script.finish)

  local function ticket()
    expect_free_attempt()
    script.expect("by_email", ada())
    expect_success()
    script.expect("state", { state = "on", n_codes = 10 })
    return service.login({ email = "ada@example.com", password = PASSWORD }, ORIGIN).ticket
  end

  it("gives a ticket for the password, and a session for ticket and code", function()
    local given <const> = ticket()
    assert.is_string(given)
    script.expect("by_email", ada())
    expect_free_factor()
    expect_factor()
    script.expect("take_step", 1, nil, function(args)
      assert.equal(code.step(tg.time.now()), args.step)
    end)
    expect_success()
    script.expect("give_back", 1)
    script.expect("insert", 1)
    script.expect("touch_user", 1)
    script.expect("end_oldest", 0)
    local signed_in = service.login_totp({ ticket = given, code = code_of_now() }, ORIGIN)
    assert.equal(ids.user, signed_in.user.id)
    assert.is_truthy(token.parse(signed_in.session.token, "ses"))
  end)

  it("takes each code once, and a wrong one never", function()
    local given <const> = ticket()
    for _, case in ipairs({ { code_of_now(), 0 }, { "000000" } }) do
      script.expect("by_email", ada())
      expect_free_factor()
      expect_factor()
      if case[2] then
        script.expect("take_step", case[2])
      end
      local signed_in, err = service.login_totp({ ticket = given, code = case[1] }, ORIGIN)
      assert.is_nil(signed_in)
      assert.equal("wrong_code", err.type)
    end
  end)

  it("wants a ticket of ours, young, of the password that still is", function()
    local now <const>, given <const> = tg.time.now(), ticket()
    local function refused(text)
      local signed_in, err = service.login_totp({ ticket = text, code = "123456" }, ORIGIN)
      assert.is_nil(signed_in)
      assert.equal("wrong_ticket", err.type)
    end
    refused("nonsense")
    refused(tg.crypto.base64url(tg.secrets.seal("{}", "totp/x"))) -- sealed for something else
    script.expect("by_email", ada({ password_hash = tg.crypto.argon2id("another") }))
    refused(given)
    script.expect("by_email", ada({ status = "disabled" }))
    refused(given)
    local stand_in <const> = require("fake_tg")
    stand_in.now = now + 300 * 1000000
    refused(given)
    stand_in.now = now
  end)

  it("is slowed down like a password", function()
    local given <const> = ticket()
    script.expect("by_email", ada())
    script.expect("make_bucket", 0)
    script.expect("take_attempt", 0)
    script.expect("failure", { failures = 6, last_at = tg.time.now() })
    local signed_in, err = service.login_totp({ ticket = given, code = "123456" }, ORIGIN)
    assert.is_nil(signed_in)
    assert.equal("too_many_attempts", err.type)
  end)

  it("signs nobody in without the master key", function()
    local stand_in <const> = require("fake_tg")
    local key <const> = stand_in.master_key
    stand_in.master_key = nil
    expect_free_attempt()
    script.expect("by_email", ada())
    expect_success()
    script.expect("state", { state = "on", n_codes = 10 })
    local signed_in, err = service.login({ email = "ada@example.com", password = PASSWORD }, ORIGIN)
    stand_in.master_key = key
    assert.is_nil(signed_in)
    assert.equal("master_key_missing", err.type)
  end)
end)

describe("a session", function()
  after_each(script.finish)

  local made <const> = token.new("ses")
  local hash <const> = select(2, token.parse(made.text, "ses"))

  local function row(fields)
    local now <const> = tg.time.now()
    local session = {
      id = made.id, user = ids.user, company = ids.child, secret_hash = hash, seen_at = now, expires_at = now + HOUR,
      status = "active", company_status = "active",
    }
    for name, value in pairs(fields or {}) do
      session[name] = value
    end
    return session
  end

  it("says who asks and what they may, by all their roles", function()
    script.expect("for_login", row())
    script.expect("held", {
      { role = "analyst", company = ids.own }, { role = "", permissions = { "users:write" }, company = ids.child },
    })
    local who = service.authenticate(made.text)
    assert.equal(ids.child, who.company)
    assert.equal(ids.user, who.actor)
    assert.equal(made.id, who.session)
    local held = {}
    for _, name in ipairs(who.permissions) do
      held[name] = true
    end
    assert.is_true(held["usage:read"] and held["users:write"] and held["me:write"])
    assert.is_nil(held["users:read"])
  end)

  it("acts in a company below by the roles that hold there", function()
    local acting <const> = script.request({ headers = { ["tollgate-company"] = ids.own } })
    script.expect("for_login", row())
    script.expect("is_below", { yes = 1 })
    script.expect("held", {}, nil, function(args)
      assert.equal(ids.own, args.company)
    end)
    assert.equal(ids.own, service.authenticate(made.text, acting).company)
    script.expect("for_login", row())
    script.expect("is_below", nil)
    local who, err = service.authenticate(made.text, acting)
    assert.is_nil(who)
    assert.equal("acting_company", err.type)
  end)

  it("is over when it is revoked, expired, unused, or its user or company is out", function()
    local now <const> = tg.time.now()
    for status, fields in pairs({
      [1] = { revoked_at = now }, [2] = { expires_at = now }, [3] = { seen_at = now - 12 * HOUR },
      [4] = { status = "disabled" }, [5] = { secret_hash = ("\0"):rep(32) }, [403] = { company_status = "suspended" },
    }) do
      script.expect("for_login", row(fields))
      local who, err = service.authenticate(made.text)
      assert.is_nil(who)
      assert.equal(status == 403 and "denied" or "unauthorized", err.type)
    end
    script.expect("for_login", nil)
    assert.is_nil(service.authenticate(made.text))
  end)

  it("is seen at most every five minutes", function()
    script.expect("for_login", row({ seen_at = tg.time.now() - HOUR }))
    script.expect("touch", 1)
    script.expect("held", {})
    assert.is_table(service.authenticate(made.text))
  end)

  it("grants nothing when its roles cannot be read", function()
    local away <const> = { code = "upstream" }
    script.expect("for_login", nil, away)
    assert.same({ nil, away }, { service.authenticate(made.text) })
    script.expect("for_login", row())
    script.expect("held", nil, away)
    assert.same({ nil, away }, { service.authenticate(made.text) })
  end)

  it("is what a request comes with, and a key is none", function()
    local with <const> = script.request({ principal = { company = ids.own, actor = ids.user, session = made.id } })
    assert.equal(made.id, service.own(with))
    local id, err = service.own(script.request())
    assert.is_nil(id)
    assert.equal("denied", err.code)
  end)

  it("of somebody is ended by them", function()
    script.expect("revoke", 1, nil, function(args)
      assert.equal(ids.user, args.user)
    end)
    assert.is_true(service.revoke(ids.user, made.id))
    script.expect("revoke", 0)
    local done, err = service.revoke(ids.user, made.id)
    assert.is_nil(done)
    assert.equal("not_found", err.code)
    script.expect("revoke", nil, { code = "upstream" })
    assert.is_nil(service.revoke(ids.user, made.id))
  end)

  it("is listed while it lives", function()
    script.expect("sessions", {}, nil, function(args)
      assert.equal(tg.time.now() - 12 * HOUR, args.idle)
    end)
    assert.same({}, service.sessions(ids.user, { limit = 10 }))
  end)

  it("is asked for the password once more after five minutes, a key never", function()
    local now <const> = tg.time.now()
    local handler = service.step_up(function()
      return 204
    end)
    local function request(actor)
      local session <const> = actor == ids.user and made.id or nil
      return script.request({ principal = { company = ids.child, actor = actor, session = session } })
    end
    for age, status in pairs({ [0] = 204, [299 * 1000000] = 204, [300 * 1000000] = 403 }) do
      script.expect("session", { reauthenticated_at = now - age })
      local answered, err = handler(request(ids.user))
      assert.equal(status, answered or err.status)
      assert.equal(status == 403 and "reauthentication_required" or nil, err and err.type)
    end
    script.expect("session", nil) -- revoked meanwhile
    assert.equal(403, select(2, handler(request(ids.user))).status)
    script.expect("session", nil, { code = "upstream" })
    assert.equal("upstream", select(2, handler(request(ids.user))).code)
    assert.equal(204, handler(request(ids.key)))
    local err = select(2, handler(script.request({ principal = { actor = ids.user } }))) -- of no session
    assert.equal(403, err.status)
  end)

  it("becomes fresh by the password, and not by another", function()
    expect_free_attempt()
    script.expect("password_of", { password_hash = HASH })
    expect_success()
    script.expect("reauthenticated", 1)
    local fresh_until = service.reauthenticate(ids.user, made.id, { password = PASSWORD }, ORIGIN.address)
    assert.equal(tg.time.now() + 300 * 1000000, fresh_until)
    expect_free_attempt()
    script.expect("password_of", { password_hash = HASH })
    local until_us, err = service.reauthenticate(ids.user, made.id, { password = "wrong" }, ORIGIN.address)
    assert.is_nil(until_us)
    assert.equal("/password", err.errors[1].pointer)
  end)

  it("becomes fresh by a code, too, once", function()
    expect_free_factor()
    expect_factor()
    script.expect("take_step", 1)
    expect_success()
    script.expect("give_back", 1)
    script.expect("reauthenticated", 1)
    assert.is_number(service.reauthenticate(ids.user, made.id, { code = code_of_now() }, ORIGIN.address))
    expect_free_factor()
    expect_factor()
    script.expect("take_step", 0)
    local until_us, err = service.reauthenticate(ids.user, made.id, { code = code_of_now() }, ORIGIN.address)
    assert.is_nil(until_us)
    assert.equal("/code", err.errors[1].pointer)
  end)

  it("stays when its user changes the password; the others end", function()
    expect_free_attempt()
    script.expect("password_of", { password_hash = HASH })
    expect_success()
    script.expect("own_user", { email = "ada@example.com", name = "Ada" })
    script.expect("set_password", 1, nil, function(args)
      assert.equal(tg.crypto.argon2id("a longer one than before"), args.hash)
      assert.is_true(script.in_transaction)
    end)
    script.expect("revoke_sessions", 2, nil, function(args)
      assert.equal(made.id, args.except)
    end)
    local input <const> = { password = PASSWORD, new_password = "a longer one than before" }
    assert.is_truthy(service.change_password(ids.user, made.id, input, "192.0.2.1"))
    expect_free_attempt()
    script.expect("password_of", nil) -- disabled meanwhile
    assert.is_nil(service.change_password(ids.user, made.id, input, "192.0.2.1"))
  end)

  it("that is past is deleted, and so is what nobody fails at any more", function()
    script.expect("purge", 3)
    script.expect("purge_failures", 4)
    assert.equal(4, jobs.purge())
    script.expect("purge", nil, { code = "upstream" })
    assert.is_nil(jobs.purge())
  end)
end)
