local handler = require("sessions.handler")
local script = require("helper")
local token = require("identity.token")

local ids = script.ids
local PASSWORD <const> = "correct horse battery"
local HASH <const> = tg.crypto.argon2id(PASSWORD)
local MADE <const> = token.new("ses")

local function expect_free_attempt()
  for _ = 1, 2 do
    script.expect("make_bucket", 0)
    script.expect("take_attempt", 1)
  end
end

local function request(body, params, query)
  return script.request({
    body = body, params = params, query = query,
    principal = { company = ids.child, actor = ids.user, session = MADE.id },
  })
end

describe("requests about signing in", function()
  after_each(script.finish)

  it("answer a login with the token, and let nobody keep the answer", function()
    expect_free_attempt()
    script.expect("by_email", {
      id = ids.user, company = ids.child, email = "ada@example.com", name = "Ada", status = "active",
      password_hash = HASH, company_status = "active",
    })
    script.expect("forget_failures", 1)
    script.expect("give_back", 1)
    script.expect("state", nil)
    script.expect("insert", 1, nil, function(args)
      assert.equal("192.0.2.9", args.address)
    end)
    script.expect("touch_user", 1)
    script.expect("end_oldest", 0)
    local status, body, headers = handler.login(script.request({
      body = { email = "ada@example.com", password = PASSWORD }, remote = "192.0.2.9",
    }))
    assert.equal(200, status)
    assert.is_truthy(token.parse(body.token, "ses"))
    assert.same({ id = ids.user, company = ids.child, email = "ada@example.com", name = "Ada" }, body.user)
    assert.equal("no-store", headers["cache-control"])
  end)

  local function expect_login()
    expect_free_attempt()
    script.expect("by_email", {
      id = ids.user, company = ids.child, email = "ada@example.com", name = "Ada", status = "active",
      password_hash = HASH, company_status = "active",
    })
    script.expect("forget_failures", 1)
    script.expect("give_back", 1)
    script.expect("state", nil)
    script.expect("insert", 1)
    script.expect("touch_user", 1)
    script.expect("end_oldest", 0)
  end

  local function browser(cookie_name, site)
    local req = script.request({
      body = { email = "ada@example.com", password = PASSWORD, cookie = true }, headers = { ["sec-fetch-site"] = site },
    })
    req.cookie_name = cookie_name
    return req
  end

  it("give a browser a cookie and no token", function()
    for name, secure in pairs({ ["__Host-tollgate"] = "; Secure", tollgate = "" }) do
      expect_login()
      local status, body, headers = handler.login(browser(name, "same-origin"))
      assert.equal(200, status)
      assert.is_nil(body.token)
      local text = headers["set-cookie"]:match("^" .. name:gsub("%-", "%%-") .. "=([%w_-]+); Path=/; Max%-Age=2592000; "
        .. "HttpOnly; SameSite=Lax" .. secure .. "$")
      assert.equal(body.session, (token.parse(text, "ses")))
      assert.equal(require("sessions.service").csrf(text), body.csrf)
      assert.equal(32, #body.csrf)
    end
  end)

  it("give no cookie that goes over the network in the open, or to a page of somebody else", function()
    local _, open = handler.login(browser(nil))
    assert.equal("/cookie", open.errors[1].pointer)
    for _, site in ipairs({ "cross-site", "same-site" }) do
      local _, foreign = handler.login(browser("__Host-tollgate", site))
      assert.equal("denied", foreign.code)
    end
  end)

  it("take the cookie away at the end", function()
    local req = request()
    req.cookie_name = "__Host-tollgate"
    script.expect("revoke", 1)
    local _, _, headers = handler.logout(req)
    assert.equal("__Host-tollgate=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure", headers["set-cookie"])
  end)

  it("refuse what is not well-formed before anything is counted", function()
    for _, body in ipairs({ {}, { email = "x", password = "y" }, { email = "ada@example.com" } }) do
      local status, err = handler.login(script.request({ body = body }))
      assert.is_nil(status)
      assert.equal("invalid_input", err.type)
    end
  end)

  it("end the session they come with", function()
    script.expect("revoke", 1, nil, function(args)
      assert.equal(MADE.id, args.id)
      assert.equal(ids.user, args.user)
    end)
    assert.equal(204, handler.logout(request()))
  end)

  it("need a session where a key has none", function()
    for _, name in ipairs({ "logout", "reauthenticate", "change_password", "sessions" }) do
      local status, err = handler[name](script.request({ body = {} }))
      assert.is_nil(status)
      assert.equal("denied", err.code)
    end
  end)

  it("take the password again", function()
    expect_free_attempt()
    script.expect("password_of", { password_hash = HASH })
    script.expect("forget_failures", 1)
    script.expect("give_back", 1)
    script.expect("reauthenticated", 1)
    local status, body = handler.reauthenticate(request({ password = PASSWORD }))
    assert.equal(200, status)
    assert.equal("2026-07-14T12:05:00Z", body.fresh_until)
  end)

  it("change the password", function()
    expect_free_attempt()
    script.expect("password_of", { password_hash = HASH })
    script.expect("forget_failures", 1)
    script.expect("give_back", 1)
    script.expect("own_user", { email = "ada@example.com", name = "Ada" })
    script.expect("set_password", 1)
    script.expect("revoke_sessions", 1)
    assert.equal(204, handler.change_password(request({ password = PASSWORD, new_password = "twelve letters" })))
    local status, err = handler.change_password(request({ password = PASSWORD, new_password = "short" }))
    assert.is_nil(status)
    assert.equal("/new_password", err.errors[1].pointer)
  end)

  it("answer a question for a reset alike for everybody", function()
    local answers = {}
    for i, email in ipairs({ "ada@example.com", "nobody@example.com" }) do
      expect_free_attempt()
      script.expect("insert", 1, nil, function(args)
        assert.same({ email = email }, args.arguments)
      end)
      answers[i] = { handler.ask_reset(script.request({ body = { email = email } })) }
    end
    assert.equal(202, answers[1][1])
    assert.same(answers[1], answers[2])
  end)

  it("make who asks for letters again and again wait", function()
    script.expect("make_bucket", 0)
    script.expect("take_attempt", 0)
    script.expect("failure", { failures = 5, last_at = tg.time.now() })
    local status, err = handler.ask_reset(script.request({ body = { email = "ada@example.com" } }))
    assert.is_nil(status)
    assert.equal(429, err.status)
  end)

  it("choose a password with a code", function()
    local code <const> = tg.crypto.base64url(("\1"):rep(32))
    local link <const> = {
      user = ids.user, expires_at = tg.time.now() + 1, status = "invited", company_status = "active",
      email = "ada@example.com", name = "Ada",
    }
    script.expect("link", link)
    script.expect("lock_link", {})
    script.expect("link", link)
    script.expect("set_password", 1)
    script.expect("use_links", 1)
    script.expect("revoke_sessions", 0)
    assert.equal(204, handler.choose_password(script.request({ body = { code = code, password = "twelve letters" } })))
    local status, err = handler.choose_password(script.request({ body = { code = "x", password = "twelve letters" } }))
    assert.is_nil(status)
    assert.equal("link_not_valid", err.type)
  end)

  it("list one's sessions and say which is this one", function()
    local row <const> = {
      id = MADE.id, address = "192.0.2.1", user_agent = "curl", created_at = 0, seen_at = 0, expires_at = 1000000,
    }
    script.expect("sessions", { row }, nil, function(args)
      assert.equal(ids.user, args.user)
    end)
    local status, body = handler.sessions(request(nil, nil, {}))
    assert.equal(200, status)
    assert.is_true(body.data[1].is_this)
    assert.equal("1970-01-01T00:00:01Z", body.data[1].expires_at)
    status = handler.sessions(request(nil, nil, { limit = "0" }))
    assert.is_nil(status)
  end)

  it("end one of one's sessions", function()
    script.expect("revoke", 1)
    assert.equal(204, handler.revoke(request(nil, { id = ids.session })))
    local status, err = handler.revoke(request(nil, { id = "ses_x" }))
    assert.is_nil(status)
    assert.equal("not_found", err.code)
  end)

  it("pass on what the database says", function()
    local away <const> = { code = "upstream" }
    script.expect("revoke", nil, away)
    assert.same({ nil, away }, { handler.logout(request()) })
    script.expect("sessions", nil, away)
    assert.same({ nil, away }, { handler.sessions(request(nil, nil, {})) })
    expect_free_attempt()
    script.expect("insert", nil, away)
    assert.same({ nil, away }, { handler.ask_reset(script.request({ body = { email = "a@example.com" } })) })
    script.expect("make_bucket", nil, away)
    assert.same({ nil, away }, { handler.reauthenticate(request({ password = "x" })) })
  end)
end)
