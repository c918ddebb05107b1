local admin = require("identity.admin")
local script = require("helper")
local service = require("identity.service")
local token = require("identity.token")

local ids = script.ids
local PARENT <const> = {
  id = ids.own, currency = "USD", timezone = "UTC", name = "Platform", depth = 0, status = "active",
}

local function record()
  return true
end

local function child(fields)
  local row = {
    id = ids.child, parent = ids.own, name = "North", external_ref = "t01", currency = "USD", timezone = "UTC",
    status = "active", depth = 1,
  }
  for name, value in pairs(fields or {}) do
    row[name] = value
  end
  return row
end

describe("creating a company", function()
  after_each(script.finish)

  it("writes company, tree and wallet together, with the parent's currency and zone", function()
    script.expect("company", PARENT)
    script.expect("company_by_ref", nil)
    script.expect("insert_company", 1, nil, function(args)
      assert.equal("USD", args.currency)
      assert.equal("UTC", args.timezone)
      assert.is_true(script.in_transaction)
    end)
    script.expect("insert_tree", 2)
    script.expect("insert_tree_self", 1)
    script.expect("insert_wallet", 1, nil, function(args)
      assert.is_true(tg.id.is(args.wallet, "wal"))
      assert.is_true(script.in_transaction)
    end)
    script.expect("company", child())
    local company, created = service.create_company({ name = "North", external_ref = "t01" }, ids.own, record)
    assert.equal(ids.child, company.id)
    assert.is_true(created)
  end)

  it("answers a repeat with the first one", function()
    script.expect("company", PARENT)
    script.expect("company_by_ref", child())
    local company, created = service.create_company({ name = "North", external_ref = "t01" }, ids.own, record)
    assert.equal(ids.child, company.id)
    assert.is_false(created)
  end)

  it("refuses a repeat that asks for something else, and says what", function()
    script.expect("company", PARENT)
    script.expect("company_by_ref", child())
    local company, err = service.create_company({ name = "South", external_ref = "t01" }, ids.own, record)
    assert.is_nil(company)
    assert.equal("conflict", err.code)
    assert.is_truthy(err.detail:find("another name", 1, true))
  end)

  it("answers with the other one when two are made at the same moment", function()
    script.expect("company", PARENT)
    script.expect("company_by_ref", nil)
    script.expect("insert_company", nil, { code = "conflict", native = 1062 })
    script.expect("company_by_ref", child())
    local company, created = service.create_company({ name = "North", external_ref = "t01" }, ids.own, record)
    assert.equal(ids.child, company.id)
    assert.is_false(created)
  end)

  it("hides companies that are not the caller's: as a parent they do not exist", function()
    script.expect("company", nil)
    local company, err = service.create_company({ name = "North", parent = ids.child }, ids.own, record)
    assert.is_nil(company)
    assert.equal("/parent", err.errors[1].pointer)
  end)

  it("does not price a company in one currency by a deck in another", function()
    script.expect("company", PARENT)
    script.expect("sellable", { id = ids.deck, currency = "EUR" })
    local company, err = service.create_company({ name = "North", rate_deck = ids.deck }, ids.own, record)
    assert.is_nil(company)
    assert.equal("/rate_deck is in EUR, the company pays in USD", err.detail)
  end)

  it("bounds the depth of the tree, and undoes what is too deep", function()
    script.expect("company", PARENT)
    script.expect("insert_company", 1)
    script.expect("insert_tree", 21)
    script.expect("insert_tree_self", 1)
    script.expect("insert_wallet", 1)
    local company, err = service.create_company({ name = "North" }, ids.own, record)
    assert.is_nil(company)
    assert.equal("/parent", err.errors[1].pointer)
  end)

  it("stops at the statement that fails", function()
    for n, statements in ipairs({
      { "insert_company" }, { "insert_company", "insert_tree" },
      { "insert_company", "insert_tree", "insert_tree_self" },
      { "insert_company", "insert_tree", "insert_tree_self", "insert_wallet" },
    }) do
      script.expect("company", PARENT)
      for i, name in ipairs(statements) do
        script.expect(name, i < n and 1 or nil, i == n and { code = "upstream", detail = "gone" } or nil)
      end
      local company, err = service.create_company({ name = "North" }, ids.own, record)
      assert.is_nil(company)
      assert.equal("upstream", err.code)
    end
  end)

  it("passes on a database that is away", function()
    script.expect("company", nil, { code = "busy", detail = "no connection" })
    local company, err = service.create_company({ name = "North" }, ids.own, record)
    assert.is_nil(company)
    assert.equal("busy", err.code)
  end)
end)

describe("changing a company", function()
  after_each(script.finish)

  it("never lets a company set what it pays", function()
    for field, value in pairs({
      rate_deck = ids.deck, pricing = {}, limits = {}, status = "active", timezone = "UTC", external_ref = "x",
    }) do
      script.expect("company", child({ depth = 0 }))
      local company, err = service.change_company(ids.child, { [field] = value })
      assert.is_nil(company)
      assert.equal("denied", err.code, field)
    end
  end)

  it("records limits of calls before and after", function()
    script.expect("company", child({ depth = 1 }))
    script.expect("company_locked", child({ limits = { concurrent_calls = 5 } }))
    script.expect("update_company", 1, nil, function(args)
      assert.same({ concurrent_calls = 9 }, args.limits)
    end)
    script.expect("company", child())
    assert.is_table(service.change_company(ids.child, { limits = { concurrent_calls = 9 } }))
    assert.same({ limits = { concurrent_calls = 5 } }, script.audited[1].before)
    assert.same({ concurrent_calls = 9 }, script.audited[1].after.limits)
  end)

  it("lets it rename itself", function()
    script.expect("company", child({ depth = 0 }))
    script.expect("company_locked", child())
    script.expect("update_company", 1, nil, function(args)
      assert.equal("Nord", args.name)
      assert.equal("t01", args.external_ref)
    end)
    script.expect("company", child({ name = "Nord" }))
    assert.equal("Nord", service.change_company(ids.child, { name = "Nord" }).name)
  end)

  it("takes away what is null and keeps what is not given", function()
    script.expect("company", child({ rate_deck = ids.deck }))
    script.expect("company_locked", child({ rate_deck = ids.deck, country = "DE" }))
    script.expect("update_company", 1, nil, function(args)
      assert.is_nil(args.rate_deck)
      assert.equal("DE", args.country)
      assert.equal("suspended", args.status)
    end)
    script.expect("company", child())
    assert(service.change_company(ids.child, { rate_deck = tg.json.null, status = "suspended" }))
  end)

  it("lets nobody suspend itself, not even a platform: no key could take it back", function()
    script.expect("company", PARENT)
    local changed, err = service.change_company(ids.own, { status = "suspended" })
    assert.is_nil(changed)
    assert.equal("denied", err.code)
  end)

  it("lets a platform, which has nobody above it, change itself", function()
    script.expect("company", PARENT)
    script.expect("company_locked", PARENT)
    script.expect("update_company", 1)
    script.expect("company", PARENT)
    assert(service.change_company(ids.own, { timezone = "Europe/Berlin" }))
  end)
end)

describe("API keys", function()
  after_each(script.finish)
  local principal <const> = { company = ids.own, actor = ids.key }

  it("cannot have more rights than the key that makes them", function()
    script.expect("own_key", { permissions = { "usage:write", "api_keys:write" } })
    local input = { name = "k", permissions = { "usage:write", "wallets:read" } }
    local row, err = service.create_key(input, principal, record)
    assert.is_nil(row)
    assert.equal("denied", err.code)
    assert.is_truthy(err.detail:find("wallets:read", 1, true))
  end)

  it("are not made by a key that was revoked or has expired while its caller was still known", function()
    local now = tg.time.now()
    for _, own in ipairs({ { revoked_at = now }, { expires_at = now }, false }) do
      script.expect("own_key", own and {
        permissions = { "*" }, revoked_at = own.revoked_at, expires_at = own.expires_at,
      })
      local row, err = service.create_key({ name = "k" }, principal, record)
      assert.is_nil(row)
      assert.equal(401, err.status)
    end
  end)

  it("do not live longer than the key that makes them", function()
    local ends <const> = tg.time.now() + 60 * 1000000
    for _, expires_at in ipairs({ false, ends + 1 }) do
      script.expect("own_key", { permissions = { "*" }, expires_at = ends })
      local row, err = service.create_key({ name = "k", expires_at = expires_at or nil }, principal, record)
      assert.is_nil(row)
      assert.equal("denied", err.code)
    end
    script.expect("own_key", { permissions = { "*" }, expires_at = ends })
    script.expect("insert_key", 1)
    script.expect("key", { id = ids.key })
    assert(service.create_key({ name = "k", expires_at = ends }, principal, record))
  end)

  it("are stored as a hash and told once", function()
    local stored
    script.expect("own_key", { permissions = { "*" } })
    script.expect("insert_key", 1, nil, function(args)
      stored = args
    end)
    script.expect("key", { id = ids.key })
    local _, text = service.create_key({ name = "k" }, principal, record)
    local id, hash = token.parse(text, "key")
    assert.equal(stored.id, id)
    assert.equal(stored.hash, tg.crypto.hex(hash))
    for _, value in pairs(stored) do
      assert.is_falsy(type(value) == "string" and value:find(text:sub(-43), 1, true))
    end
  end)

  it("are made only for companies of the caller's tree", function()
    script.expect("own_key", { permissions = { "*" } })
    script.expect("insert_key", 0)
    local row, err = service.create_key({ name = "k", company = ids.child }, principal, record)
    assert.is_nil(row)
    assert.equal("/company", err.errors[1].pointer)
  end)

  it("cannot begin their life expired", function()
    script.expect("own_key", { permissions = { "*" } })
    local row, err = service.create_key({ name = "k", expires_at = tg.time.now() }, principal, record)
    assert.is_nil(row)
    assert.equal("/expires_at", err.errors[1].pointer)
  end)

  it("of a person have no more rights than the person", function()
    local person <const> = { company = ids.own, actor = ids.user }
    script.expect("insert_key", 1)
    script.expect("key", { id = ids.key })
    local input <const> = { name = "k", permissions = { "usage:read" } }
    assert.is_table(service.create_key(input, person, record, { "usage:*" }))
    local row, err = service.create_key(input, person, record, { "wallets:*" })
    assert.is_nil(row)
    assert.equal("denied", err.code)
  end)

  it("can be revoked twice", function()
    for changed = 1, 0, -1 do
      script.expect("key", { id = ids.key })
      script.expect("revoke_key", changed)
      assert.is_true(service.revoke_key(ids.key))
    end
  end)
end)

describe("authenticate", function()
  after_each(script.finish)
  local made <const> = token.new("key")
  local _, hash = token.parse(made.text, "key")

  local function row(fields)
    local key = {
      id = made.id, company = ids.own, secret_hash = hash, permissions = { "usage:write" }, status = "active",
      last_used_at = tg.time.now(),
    }
    for name, value in pairs(fields or {}) do
      key[name] = value
    end
    return key
  end

  it("says whose key it is and what it may", function()
    script.expect("key_for_login", row())
    assert.same(
      { company = ids.own, actor = made.id, permissions = { "me:read", "me:write", "usage:write" } },
      (service.authenticate(made.text))
    )
  end)

  local function acting(company)
    return script.request({ headers = { ["tollgate-company"] = company } })
  end

  it("acts for the company that the header names, when that is below", function()
    script.expect("key_for_login", row())
    script.expect("is_below", { yes = 1 }, nil, function(args)
      assert.equal(ids.own, args.own)
      assert.equal(ids.child, args.company)
    end)
    assert.equal(ids.child, service.authenticate(made.text, acting(ids.child)).company)
    script.expect("key_for_login", row())
    assert.equal(ids.own, service.authenticate(made.text, acting(ids.own)).company)
  end)

  it("acts for no other company", function()
    script.expect("key_for_login", row())
    script.expect("is_below", nil)
    for _, company in ipairs({ ids.child, "co_x" }) do
      if company == "co_x" then
        script.expect("key_for_login", row())
      end
      local principal, err = service.authenticate(made.text, acting(company))
      assert.is_nil(principal)
      assert.equal("acting_company", err.type)
    end
    script.expect("key_for_login", row())
    script.expect("is_below", nil, { code = "upstream" })
    local _, err = service.authenticate(made.text, acting(ids.child))
    assert.equal("upstream", err.code)
  end)

  it("refuses, all in the same words, what is unknown, wrong, revoked or expired", function()
    local words
    for _, stored in ipairs({
      false, row({ secret_hash = tg.crypto.sha256("other") }), row({ revoked_at = 1 }),
      row({ expires_at = tg.time.now() }),
    }) do
      script.expect("key_for_login", stored or nil)
      local principal, err = service.authenticate(made.text)
      assert.is_nil(principal)
      assert.equal(401, err.status)
      words = words or err.detail
      assert.equal(words, err.detail)
    end
    local _, err = service.authenticate("tgk_nonsense")
    assert.equal(words, err.detail)
  end)

  it("tells a key of a suspended company why", function()
    script.expect("key_for_login", row({ status = "suspended" }))
    local principal, err = service.authenticate(made.text)
    assert.is_nil(principal)
    assert.is_nil(err.status)
    assert.equal("denied", err.code)
  end)

  it("does not take a database that is away for a wrong key", function()
    script.expect("key_for_login", nil, { code = "upstream", detail = "gone" })
    local _, err = service.authenticate(made.text)
    assert.equal("upstream", err.code)
  end)

  it("notes when a key was last used, but not on every request", function()
    script.expect("key_for_login", row({ last_used_at = tg.time.now() - 301 * 1000000 }))
    script.expect("touch_key", 1)
    assert(service.authenticate(made.text))
  end)
end)

describe("create_platform", function()
  after_each(script.finish)

  it("makes the root of a tree with a wallet and a key that may everything", function()
    script.expect("platform_by_name", nil)
    script.expect("insert_platform", 1)
    script.expect("insert_tree_self", 1)
    script.expect("insert_platform_wallet", 1)
    script.expect("insert_platform_key", 1, nil, function(args)
      assert.same({ "*" }, args.permissions)
    end)
    local made = assert(admin.create_platform({ name = "Demo", currency = "USD" }))
    assert.is_true(tg.id.is(made.company, "co"))
    assert.is_truthy(token.parse(made.key, "key"))
  end)

  it("does not make a second one of the same name", function()
    script.expect("platform_by_name", { id = ids.own })
    local made, err = admin.create_platform({ name = "Demo", currency = "USD" })
    assert.is_nil(made)
    assert.equal("conflict", err.code)
  end)

  it("says what is wrong with its options", function()
    local _, err = admin.create_platform({ name = "", currency = "XXQ" })
    assert.equal(2, #err.errors)
  end)
end)

describe("who stands behind a key", function()
  local FIRST <const>, ADMINS <const>, ROBOT <const> = tg.id.new("key"), tg.id.new("key"), tg.id.new("key")
  local ADA <const> = tg.id.new("usr")

  -- created_by of the keys that are asked about, in this order.
  local function makers(...)
    for _, maker in ipairs({ ... }) do
      script.expect("maker", { created_by = maker or nil })
    end
  end

  after_each(script.finish)

  it("is a user for themselves and for what they have made, at any distance", function()
    assert.equal(ADA, service.person(ADA))
    makers(ADA)
    assert.equal(ADA, service.person(ROBOT))
    makers(ADMINS, ADA, ADA) -- its maker; that one's; that one's again, as the next on the way
    assert.equal(ADA, service.person(ROBOT))
  end)

  it("is the key itself where a platform's first key made it, or nobody knows who did", function()
    makers(false)
    assert.equal(FIRST, service.person(FIRST))
    makers(FIRST, false)
    assert.equal(ADMINS, service.person(ADMINS))
  end)

  it("is the key that made it, where that is no first one", function()
    makers(ADMINS, FIRST, FIRST, false)
    assert.equal(ADMINS, service.person(ROBOT))
    makers(ADMINS, FIRST, FIRST, false, FIRST, false)
    assert.is_true(service.same_person(ROBOT, ADMINS))
  end)

  it("is not found out while the database is away", function()
    script.expect("maker", nil, { code = "upstream" })
    assert.same({ nil, { code = "upstream" } }, { service.same_person(ROBOT, ADA) })
  end)
end)
