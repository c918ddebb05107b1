local handler = require("identity.handler")
local script = require("helper")

local ids = script.ids
local ROW <const> = {
  id = ids.child, parent = ids.own, name = "North", currency = "USD", timezone = "UTC", status = "active", depth = 1,
  created_at = 0, updated_at = 1500000,
}

describe("requests about companies", function()
  after_each(script.finish)

  it("show every field, null where there is nothing", function()
    script.expect("company", ROW)
    local status, body = handler.company(script.request({ params = { id = ids.child } }))
    assert.equal(200, status)
    assert.same({
      id = ids.child, parent = ids.own, name = "North", external_ref = tg.json.null, status = "active",
      currency = "USD", timezone = "UTC", country = tg.json.null, rate_deck = tg.json.null, pricing = tg.json.null,
      limits = tg.json.null, settings = tg.json.null,
      created_at = "1970-01-01T00:00:00Z", updated_at = "1970-01-01T00:00:01.500Z",
    }, body)
  end)

  it("answer not_found alike for an id of somebody else and for no id at all", function()
    script.expect("company", nil)
    local _, other = handler.company(script.request({ params = { id = ids.child } }))
    local _, none = handler.company(script.request({ params = { id = "co_x" } }))
    assert.same(other, none)
    assert.equal("not_found", other.code)
  end)

  it("answer 201 to the first and 200 to the repeat", function()
    script.expect("company", { id = ids.own, currency = "USD", timezone = "UTC" })
    script.expect("company_by_ref", ROW)
    local req = script.request({ body = { name = "North", external_ref = "a" } })
    local status, body, headers = handler.create_company(req)
    assert.equal(200, status)
    assert.equal(ids.child, body.id)
    assert.equal("/v1/companies/" .. ids.child, headers.location)
  end)

  it("change what is given", function()
    script.expect("company", ROW)
    script.expect("company_locked", ROW)
    script.expect("update_company", 1)
    script.expect("company", ROW)
    local req = script.request({ params = { id = ids.child }, body = { name = "Nord", rate_deck = tg.json.null } })
    local status, body = handler.change_company(req)
    assert.equal(200, status)
    assert.equal(ids.child, body.id)
    local _, err = handler.change_company(script.request({ params = { id = ids.child }, body = { currency = "EUR" } }))
    assert.equal("/currency", err.errors[1].pointer)
  end)

  it("pass on what the database says, wherever it says it", function()
    local away = { code = "upstream", detail = "gone" }
    local by_id = { params = { id = ids.child } }
    for statement, call in pairs({
      company = { handler.company, by_id }, companies = { handler.companies, {} }, keys = { handler.keys, {} },
      key = { handler.revoke_key, { params = { id = ids.key } } },
    }) do
      script.expect(statement, nil, away)
      local status, err = call[1](script.request(call[2]))
      assert.is_nil(status)
      assert.equal(away, err)
    end
  end)

  it("go through a list by cursor", function()
    script.expect("companies", { ROW, ROW }, nil, function(args)
      assert.equal(2, args.limit)
      assert.is_nil(args.after)
    end)
    script.expect("companies_total", { total = 7 })
    local _, first = handler.companies(script.request({ query = { limit = "1" } }))
    assert.equal(1, #first.data)
    assert.equal(7, first.total)
    script.expect("companies", {}, nil, function(args)
      assert.equal(ids.child, args.after)
    end)
    local _, second = handler.companies(script.request({ query = { limit = "1", cursor = first.next_cursor } }))
    assert.same({ tg.json.null, tg.json.null }, { second.next_cursor, second.total })
  end)

  it("are sorted by name, and a cursor of that order is none of another", function()
    script.expect("companies_by_name_backwards", { ROW, ROW })
    script.expect("companies_total", nil, { code = "upstream" })
    assert.is_nil((handler.companies(script.request({ query = { limit = "1", sort = "-name" } }))))
    script.expect("companies_by_name", { ROW, ROW })
    script.expect("companies_total", { total = 2 })
    local _, first = handler.companies(script.request({ query = { limit = "1", sort = "name" } }))
    script.expect("companies_by_name", { ROW }, nil, function(args)
      assert.same({ ROW.name, ROW.id }, { args.after_name, args.after })
    end)
    local query = { limit = "1", sort = "name", cursor = first.next_cursor }
    assert.equal(200, (handler.companies(script.request({ query = query }))))
    query.sort = nil
    local _, err = handler.companies(script.request({ query = query }))
    assert.equal("?cursor", err.errors[1].pointer)
    _, err = handler.companies(script.request({ query = { sort = "currency" } }))
    assert.equal("?sort", err.errors[1].pointer)
  end)

  it("take the wildcards of a search for what they are", function()
    script.expect("companies", {}, nil, function(args)
      assert.equal("%50|%|_||%", args.q)
    end)
    assert.equal(200, (handler.companies(script.request({ query = { q = "50%_|" }, limit = "1" }))))
  end)

  it("ask the database nothing when the body is wrong", function()
    for _, body in ipairs({ {}, { name = 1 }, { name = "a", currency = "usd" }, { name = "a", extra = 1 } }) do
      local status, err = handler.create_company(script.request({ body = body }))
      assert.is_nil(status)
      assert.equal("input", err.code)
    end
    local status, err = handler.create_company(script.request())
    assert.is_nil(status)
    assert.equal(400, err.status)
  end)
end)

describe("requests about keys", function()
  after_each(script.finish)

  it("show the text once, and forbid keeping it", function()
    local row = { id = ids.key, company = ids.own, name = "k", permissions = { "*" }, created_at = 0 }
    script.expect("own_key", row)
    script.expect("insert_key", 1)
    script.expect("key", row)
    local status, body, headers = handler.create_key(script.request({ body = { name = "k" } }))
    assert.equal(201, status)
    assert.is_truthy(body.key:find("^tgk_"))
    assert.equal("no-store", headers["cache-control"])
    script.expect("keys", { row })
    local _, list = handler.keys(script.request())
    assert.is_nil(list.data[1].key)
  end)

  it("keep the answer for a repeat without the text", function()
    local row = { id = ids.key, company = ids.own, name = "k", permissions = { "*" }, created_at = 0 }
    script.expect("operation", nil)
    script.expect("own_key", row)
    script.expect("insert_key", 1)
    script.expect("key", row)
    script.expect("insert_operation", 1, nil, function(args)
      assert.is_nil(args.response:find("tgk_", 1, true))
    end)
    local req = script.request({ body = { name = "k" }, headers = { ["idempotency-key"] = "k-1" } })
    local _, body = handler.create_key(req)
    assert.is_truthy(body.key)
  end)

  it("refuse a permission that does not exist", function()
    local _, err = handler.create_key(script.request({ body = { name = "k", permissions = { "usage:wirte" } } }))
    assert.equal("/permissions/0", err.errors[1].pointer)
  end)

  it("revoke without a body", function()
    script.expect("key", { id = ids.key })
    script.expect("revoke_key", 1)
    assert.equal(204, (handler.revoke_key(script.request({ params = { id = ids.key } }))))
  end)

  it("tell a key who it is", function()
    script.expect("company", ROW)
    script.expect("own_key", { id = ids.key, company = ids.own, name = "k", permissions = { "*" }, created_at = 0 })
    local _, body = handler.me(script.request())
    assert.equal(ids.child, body.company.id)
    assert.equal(ids.key, body.key.id)
    assert.equal(tg.json.null, body.user)
    assert.equal(tg.json.null, body.csrf)
  end)

  it("tell a person who they are, and what their page must repeat", function()
    script.expect("company", ROW)
    script.expect("own_key", nil)
    script.expect("own_user", { id = ids.user, company = ids.own, email = "ada@example.com", name = "Ada" })
    script.expect("state", { state = "on", n_codes = 7 })
    script.expect("session", { id = ids.session, expires_at = 0, reauthenticated_at = 0 })
    local req = script.request({ principal = { company = ids.own, actor = ids.user, session = ids.session } })
    req.csrf = "proof"
    local _, body = handler.me(req)
    assert.equal(ids.user, body.user.id)
    assert.equal(7, body.user.recovery_codes_left)
    assert.equal(ids.session, body.session.id)
    assert.equal("proof", body.csrf)
  end)

  it("give a person's key what the person may do", function()
    script.expect("held", { { role = "analyst", company = ids.own } })
    local status, err = handler.create_key(script.request({
      body = { name = "k", permissions = tg.json.array({ "usage:write" }) },
      principal = { company = ids.own, actor = ids.user },
    }))
    assert.is_nil(status)
    assert.equal("denied", err.code)
    script.expect("held", nil, { code = "upstream" })
    status, err = handler.create_key(script.request({
      body = { name = "k" }, principal = { company = ids.own, actor = ids.user },
    }))
    assert.is_nil(status)
    assert.equal("upstream", err.code)
  end)
end)
