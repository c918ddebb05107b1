local jobs = require("users.jobs")
local script = require("helper")
local secrets = require("secrets.service")
local service = require("users.service")

local ids = script.ids
local BOSS <const> = tg.id.new("usr")
local PRINCIPAL <const> = { company = ids.own, actor = BOSS }
local HOUR <const> = 3600 * 1000000
local DAY <const> = 24 * HOUR
local AWAY <const> = { code = "upstream", detail = "gone" }
local OWNER <const> = { { role = "owner", company = ids.own } }
local TAKEN <const> = { code = "conflict", native = 1062 }

local function record()
  return true
end

local function ada(fields)
  local row = {
    id = ids.user, company = ids.child, email = "Ada@example.com", name = "Ada", status = "active",
    company_status = "active",
  }
  for name, value in pairs(fields or {}) do
    row[name] = value
  end
  return row
end

describe("inviting", function()
  after_each(script.finish)

  local INPUT <const> = {
    email = "Ada@Example.com", name = "Ada", company = ids.child, roles = { { role = "analyst" } },
  }

  it("writes the user, the roles, the link and the letter together", function()
    local link
    script.expect("held", OWNER)
    script.expect("insert_user", 1, nil, function(args)
      assert.equal("Ada@Example.com", args.email)
      assert.equal("ada@example.com", args.folded)
      assert.is_true(script.in_transaction)
    end)
    script.expect("delete_assignments", 0)
    script.expect("insert_assignment", 1, nil, function(args)
      assert.equal("analyst", args.role)
      assert.equal(ids.child, args.company)
    end)
    script.expect("insert_link", 1, nil, function(args)
      link = args
      assert.equal("invite", args.purpose)
      assert.equal(tg.time.now() + DAY, args.expires_at)
    end)
    script.expect("insert", 1, nil, function(args)
      local text = secrets.unseal(args.body:match("^sealed:(.*)$"), "mail/" .. args.id)
      local code, link_code = text:match("\n    ([%w_-]+)\n.*\n    https://console.example.com/password#([%w_-]+)\n")
      assert.equal(code, link_code)
      assert.equal(link.hash, tg.crypto.hex(tg.crypto.sha256(tg.crypto.unbase64url(code))))
    end)
    script.expect("insert", 1)
    script.expect("user", ada({ status = "invited" }))
    script.expect("assignments", { { role = "analyst", company = ids.child } })
    tg.site = { public_url = "https://console.example.com/" }
    local user = service.create_user(INPUT, PRINCIPAL, record)
    tg.site = nil
    assert.equal("invited", user.status)
    assert.equal(1, #user.roles)
  end)

  it("without a letter writes none, and the letter comes later", function()
    script.expect("insert_user", 1)
    script.expect("delete_assignments", 0)
    script.expect("user", ada({ status = "invited" }))
    script.expect("assignments", {})
    assert.is_table(service.create_user({ email = "a@b.cd", name = "x", invite = false }, PRINCIPAL, record))
    script.expect("user", ada({ status = "invited" }))
    script.expect("assignments", {})
    script.expect("insert_link", 1)
    script.expect("insert", 1)
    script.expect("insert", 1)
    assert.is_truthy(service.invite(ids.user))
    script.expect("user", ada())
    script.expect("assignments", {})
    local sent, err = service.invite(ids.user)
    assert.is_nil(sent)
    assert.equal("not_invited", err.type)
  end)

  it("gives no role that may do more than the giver", function()
    script.expect("held", { { role = "supervisor" } })
    local user, err = service.create_user(INPUT, PRINCIPAL, record)
    assert.is_nil(user)
    assert.equal("denied", err.code)
  end)

  it("gives roles of the company's own, where they can be given", function()
    local input <const> = { email = "a@b.cd", name = "x", roles = { { role = ids.role } } }
    script.expect("role_usable_in", nil)
    local _, err = service.create_user(input, PRINCIPAL, record)
    assert.equal("/roles/0/role", err.errors[1].pointer)
    script.expect("role_usable_in", { id = ids.role, permissions = { "usage:read" } })
    script.expect("held", OWNER)
    script.expect("insert_user", 0)
    _, err = service.create_user(input, PRINCIPAL, record)
    assert.equal("/company", err.errors[1].pointer)
  end)

  it("gives a role once, however often it is asked for", function()
    script.expect("held", OWNER)
    script.expect("held", OWNER)
    script.expect("held", OWNER)
    script.expect("insert_user", 1)
    script.expect("delete_assignments", 0)
    script.expect("insert_assignment", 1)
    script.expect("insert_assignment", 1)
    script.expect("user", ada())
    script.expect("assignments", {})
    local list <const> = {
      { role = "analyst" }, { role = "analyst", company = ids.own }, { role = "analyst", company = ids.child },
    }
    local input <const> = { email = "a@b.cd", name = "x", invite = false, roles = list }
    assert.is_table(service.create_user(input, PRINCIPAL, record))
  end)

  it("is refused when somebody has the address", function()
    script.expect("insert_user", nil, TAKEN)
    local _, err = service.create_user({ email = "a@b.cd", name = "x" }, PRINCIPAL, record)
    assert.equal("email_taken", err.type)
  end)

  it("gives roles in the caller's companies only", function()
    script.expect("held", OWNER)
    script.expect("insert_user", 1)
    script.expect("delete_assignments", 0)
    script.expect("insert_assignment", 0)
    local _, err = service.create_user(INPUT, PRINCIPAL, record)
    assert.equal("/roles", err.errors[1].pointer)
  end)
end)

describe("changing somebody", function()
  after_each(script.finish)

  local function expect_user(user, held, own)
    script.expect("user", user)
    script.expect("assignments", {})
    script.expect("held", held)
    script.expect("held", own)
  end

  it("disables them, and signs them out at once", function()
    expect_user(ada(), { { role = "analyst" } }, OWNER)
    script.expect("update_user", 1, nil, function(args)
      assert.equal("disabled", args.status)
      assert.equal("Ada", args.name)
    end)
    script.expect("end_sessions", 2)
    script.expect("user", ada({ status = "disabled" }))
    script.expect("assignments", {})
    assert.equal("disabled", service.change_user(ids.user, { status = "disabled" }, PRINCIPAL).status)
  end)

  it("puts roles in the place of those that were", function()
    expect_user(ada(), {}, OWNER)
    script.expect("held", OWNER)
    script.expect("update_user", 1)
    script.expect("delete_assignments", 1)
    script.expect("insert_assignment", 1)
    script.expect("user", ada())
    script.expect("assignments", { { role = "finance", role_id = ids.role } })
    local user = service.change_user(ids.user, { roles = { { role = "finance" } } }, PRINCIPAL)
    assert.is_nil(user.roles[1].role_id) -- of a built-in one there is none
  end)

  it("is not for who may do less", function()
    expect_user(ada(), OWNER, { { role = "billing_manager" } })
    local user, err = service.change_user(ids.user, { name = "Eve" }, PRINCIPAL)
    assert.is_nil(user)
    assert.equal("denied", err.code)
  end)

  it("is not what people do to their own roles", function()
    for _, input in ipairs({ { status = "disabled" }, { roles = {} } }) do
      script.expect("user", ada())
      script.expect("assignments", {})
      local user, err = service.change_user(ids.user, input, { company = ids.child, actor = ids.user })
      assert.is_nil(user)
      assert.equal("denied", err.code)
    end
  end)

  it("makes nobody active who has not chosen a password", function()
    script.expect("user", ada({ status = "invited" }))
    script.expect("assignments", {})
    local _, err = service.change_user(ids.user, { status = "active" }, PRINCIPAL)
    assert.equal("/status", err.errors[1].pointer)
  end)

  it("that somebody else has changed meanwhile changes nothing", function()
    expect_user(ada(), {}, OWNER)
    script.expect("update_user", 0, nil, function(args)
      assert.equal(7, args.expected)
    end)
    local user, err = service.change_user(ids.user, { name = "Eve" }, PRINCIPAL, 7)
    assert.is_nil(user)
    assert.equal("precondition_failed", err.type)
  end)

  it("fails as a whole", function()
    expect_user(ada(), {}, OWNER)
    script.expect("update_user", nil, AWAY)
    assert.same({ nil, AWAY }, { service.change_user(ids.user, { name = "Eve" }, PRINCIPAL) })
    script.expect("user", nil)
    local _, err = service.change_user(ids.user, { name = "Eve" }, PRINCIPAL)
    assert.equal("not_found", err.code)
  end)
end)

describe("a letter with a code", function()
  after_each(script.finish)

  it("goes to who has the address: a reset, or the invitation again", function()
    for status, purpose in pairs({ active = "reset", invited = "invite" }) do
      script.expect("by_email", ada({ status = status }))
      script.expect("count_links", { n = 4 }, nil, function(args)
        assert.equal(ids.user, args.user)
        assert.equal(tg.time.now() - HOUR, args.since)
      end)
      script.expect("insert_link", 1, nil, function(args)
        assert.equal(purpose, args.purpose)
      end)
      script.expect("insert", 1)
      script.expect("insert", 1)
      assert.is_truthy(jobs.send_reset({ email = "ada@example.com" }))
    end
  end)

  it("goes to nobody else", function()
    for _, user in ipairs({ false, ada({ status = "disabled" }), ada({ company_status = "suspended" }) }) do
      script.expect("by_email", user or nil)
      assert.is_true(service.send_reset("ada@example.com"))
    end
    script.expect("by_email", nil, AWAY)
    assert.same({ nil, AWAY }, { service.send_reset("ada@example.com") })
    script.expect("by_email", ada())
    script.expect("count_links", nil, AWAY)
    assert.same({ nil, AWAY }, { service.send_reset("ada@example.com") })
  end)

  it("is not the sixth within an hour", function()
    script.expect("by_email", ada())
    script.expect("count_links", { n = 5 })
    assert.is_true(service.send_reset("ada@example.com"))
  end)

  local CODE <const> = tg.crypto.base64url(("\7"):rep(32))
  local function link(fields)
    local row = {
      user = ids.user, expires_at = tg.time.now() + 1, status = "active", company_status = "active",
      email = "ada@example.com", name = "Ada",
    }
    for name, value in pairs(fields or {}) do
      row[name] = value
    end
    return row
  end

  it("chooses a password once, and takes the other codes and sessions away", function()
    script.expect("link", link(), nil, function(args)
      assert.equal(tg.crypto.hex(tg.crypto.sha256(("\7"):rep(32))), args.hash)
      assert.is_false(script.in_transaction)
    end)
    script.expect("lock_link", {}, nil, function()
      assert.is_true(script.in_transaction)
    end)
    script.expect("link", link())
    script.expect("set_password", 1)
    script.expect("use_links", 2, nil, function(args)
      assert.equal(ids.user, args.user)
    end)
    script.expect("revoke_sessions", 1, nil, function(args)
      assert.is_nil(args.except)
    end)
    assert.is_truthy(service.choose_password(CODE, "twelve letters"))
  end)

  it("is dead when it was used, is too old, or its user or company is out", function()
    for _, row in ipairs({
      false, link({ used_at = 1 }), link({ expires_at = tg.time.now() }), link({ status = "disabled" }),
      link({ company_status = "suspended" }),
    }) do
      local dead = row or nil
      script.expect("link", dead) -- before a password is hashed for it
      local done, err = service.choose_password(CODE, "twelve letters")
      assert.is_nil(done)
      assert.equal("link_not_valid", err.type)
      script.expect("link", link())
      script.expect("lock_link", {})
      script.expect("link", dead) -- somebody was faster
      done, err = service.choose_password(CODE, "twelve letters")
      assert.is_nil(done)
      assert.equal("link_not_valid", err.type)
    end
    for _, code in ipairs({ "", "x", "!!!", CODE .. "AA" }) do
      local done, err = service.choose_password(code, "twelve letters")
      assert.is_nil(done)
      assert.equal("link_not_valid", err.type)
    end
  end)

  it("says so when the database is away", function()
    script.expect("link", nil, AWAY)
    assert.same({ nil, AWAY }, { service.choose_password(CODE, "twelve letters") })
    script.expect("link", link())
    script.expect("lock_link", nil, AWAY)
    assert.same({ nil, AWAY }, { service.choose_password(CODE, "twelve letters") })
  end)

  it("that is past is deleted", function()
    script.expect("delete_links", 5, nil, function(args)
      assert.equal(tg.time.now() - 7 * DAY, args.before)
    end)
    assert.equal(5, jobs.purge())
  end)
end)
