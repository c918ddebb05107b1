local handler = require("users.handler")
local script = require("helper")

local ids = script.ids
local AWAY <const> = { code = "upstream", detail = "gone" }
local OWNER <const> = { { role = "owner", company = ids.own } }
local USER <const> = {
  id = ids.user, company = ids.child, email = "ada@example.com", name = "Ada", status = "active", created_at = 0,
  updated_at = 0,
}
local ROLE <const> = {
  id = ids.role, company = ids.own, name = "x", permissions = { "usage:read" }, created_at = 0, updated_at = 0,
}

local function request(options)
  options.principal = { company = ids.own, actor = options.actor or tg.id.new("usr") }
  return script.request(options)
end

describe("requests about people", function()
  after_each(script.finish)

  it("show a user with the roles, and nothing that is secret", function()
    local row = setmetatable({ password_hash = "secret" }, { __index = USER })
    script.expect("user", row)
    script.expect("assignments", {
      { role = "owner", company = ids.own, role_id = "rol_zero" },
      { role = "", role_id = ids.role, role_name = "night shift", company = ids.child },
    })
    local status, body = handler.user(request({ params = { id = ids.user } }))
    assert.equal(200, status)
    assert.same({
      id = ids.user, company = ids.child, email = "ada@example.com", name = "Ada", status = "active",
      created_at = "1970-01-01T00:00:00Z", updated_at = "1970-01-01T00:00:00Z", last_login_at = tg.json.null,
      invited_at = tg.json.null,
      roles = {
        { role = "owner", name = tg.json.null, company = ids.own },
        { role = ids.role, name = "night shift", company = ids.child },
      },
    }, body)
  end)

  it("go through lists", function()
    script.expect("users", { USER, USER }, nil, function(args)
      assert.equal("%50|%%", args.q) -- what LIKE would take for a pattern is not one
      assert.equal(2, args.limit)
    end)
    script.expect("users_total", { total = 2 })
    local status, body = handler.users(request({ query = { q = "50%", limit = "1" } }))
    assert.equal(200, status)
    assert.equal(1, #body.data)
    assert.is_string(body.next_cursor)
    assert.equal(2, body.total)
    script.expect("roles", { ROLE })
    status, body = handler.roles(request({ query = {} }))
    assert.equal(200, status)
    assert.equal("agent", body.built_in[1].name)
    assert.equal(1, body.total) -- a page that is not full is all there is: nobody counts
    assert.same({ "usage:read" }, body.data[1].permissions)
  end)

  it("invite somebody, and say where they are", function()
    script.expect("insert_user", 1)
    script.expect("delete_assignments", 0)
    script.expect("insert_link", 1)
    script.expect("insert", 1)
    script.expect("insert", 1)
    script.expect("user", USER)
    script.expect("assignments", {})
    local status, body, headers = handler.create_user(request({ body = { email = "ada@example.com", name = "Ada" } }))
    assert.equal(201, status)
    assert.equal("/v1/users/" .. body.id, headers.location)
  end)

  it("change a user", function()
    script.expect("user", USER)
    script.expect("assignments", {})
    script.expect("held", {})
    script.expect("held", OWNER)
    script.expect("update_user", 1)
    script.expect("user", USER)
    script.expect("assignments", {})
    assert.equal(200, (handler.change_user(request({ params = { id = ids.user }, body = { name = "Ada L." } }))))
    local status, err = handler.change_user(request({ params = { id = ids.user }, body = { email = "x@y.zz" } }))
    assert.is_nil(status)
    assert.equal("/email", err.errors[1].pointer)
  end)

  it("make, change and delete roles", function()
    script.expect("held", OWNER)
    script.expect("insert_role", 1)
    script.expect("role", ROLE)
    local body <const> = { name = "x", permissions = tg.json.array({ "usage:read" }) }
    local status, made, headers = handler.create_role(request({ body = body }))
    assert.equal(201, status)
    assert.equal("/v1/roles/" .. made.id, headers.location)
    script.expect("role", ROLE)
    script.expect("held", OWNER)
    script.expect("update_role", 1)
    script.expect("role", ROLE)
    assert.equal(200, (handler.change_role(request({ params = { id = ids.role }, body = { name = "y" } }))))
    script.expect("role", ROLE)
    script.expect("delete_role", 1)
    assert.equal(204, (handler.delete_role(request({ params = { id = ids.role } }))))
  end)

  it("list the permissions with what they mean", function()
    local status, body = handler.permissions()
    assert.equal(200, status)
    for _, permission in ipairs(body.data) do
      assert.is_truthy(permission.says)
    end
  end)

  it("explain to everybody what they themselves may do", function()
    script.expect("company", { id = ids.own })
    script.expect("user", USER)
    script.expect("held", OWNER)
    script.expect("of_user", { company = ids.own })
    local status, body = handler.check_permission(request({ actor = ids.user, body = { permission = "usage:read" } }))
    assert.equal(200, status)
    assert.is_true(body.allowed)
  end)

  it("explain others to those who may see people", function()
    script.expect("held", { { role = "analyst", company = ids.own } })
    local ask <const> = { permission = "usage:read", actor = ids.user }
    local status, err = handler.check_permission(request({ body = ask }))
    assert.is_nil(status)
    assert.equal("denied", err.code)
    script.expect("held", OWNER)
    script.expect("company", { id = ids.own })
    script.expect("user", USER)
    script.expect("held", {})
    script.expect("of_user", { company = ids.own })
    status = handler.check_permission(request({ body = ask }))
    assert.equal(200, status)
  end)

  it("answer not_found for ids that are none", function()
    for _, name in ipairs({ "user", "change_user", "change_role", "delete_role" }) do
      local status, err = handler[name](request({ params = { id = "x" }, body = {} }))
      assert.is_nil(status)
      assert.equal("not_found", err.code)
    end
  end)

  it("refuse bodies that are not what they should be", function()
    local params <const> = { id = ids.user }
    for _, name in ipairs({ "create_user", "create_role", "check_permission", "change_user" }) do
      local status, err = handler[name](request({ params = params, body = { nonsense = 1 } }))
      assert.is_nil(status)
      assert.equal("invalid_input", err.type)
    end
    assert.is_nil((handler.users(request({ query = { status = "asleep" } }))))
    assert.is_nil((handler.roles(request({ query = { limit = "0" } }))))
  end)

  it("pass on what the database says", function()
    for statement, call in pairs({
      user = { handler.user, { params = { id = ids.user } } }, users = { handler.users, { query = {} } },
      roles = { handler.roles, { query = {} } }, role = { handler.delete_role, { params = { id = ids.role } } },
    }) do
      script.expect(statement, nil, AWAY)
      local status, err = call[1](request(call[2]))
      assert.is_nil(status)
      assert.equal(AWAY, err)
    end
  end)
end)
