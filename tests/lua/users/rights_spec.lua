local rights = require("users.rights")
local script = require("helper")

local ids = script.ids
local BOSS <const> = tg.id.new("usr")
local PRINCIPAL <const> = { company = ids.own, actor = BOSS }
local AWAY <const> = { code = "upstream", detail = "gone" }
local OWNER <const> = { { role = "owner", company = ids.own } }
local TAKEN <const> = { code = "conflict", native = 1062 }

local function record()
  return true
end

local function role(fields)
  local row = { id = ids.role, company = ids.own, name = "night shift", permissions = { "usage:read" } }
  for name, value in pairs(fields or {}) do
    row[name] = value
  end
  return row
end

describe("what somebody may do", function()
  after_each(script.finish)

  it("is what their roles say together, and looking after themselves", function()
    script.expect("held", { { role = "agent" }, { role = "", permissions = { "usage:*" } }, { role = "" } })
    assert.same({ "usage:*", "me:read", "me:write" }, rights.permissions_in(ids.user, ids.own))
  end)

  it("is for a key what stands on it", function()
    script.expect("own_key", { permissions = { "usage:write" } })
    assert.same({ "usage:write" }, rights.held_by(ids.key, ids.own))
    script.expect("own_key", nil)
    assert.same({}, rights.held_by(ids.key, ids.own))
    script.expect("own_key", nil, AWAY)
    assert.same({ nil, AWAY }, { rights.held_by(ids.key, ids.own) })
  end)

  it("counts the others who may, each once", function()
    script.expect("holders", {
      { user = BOSS, role = "owner" }, { user = ids.user, role = "rule_editor" }, { user = ids.user, role = "owner" },
      { user = "usr_third", role = "", permissions = { "rules:*" } }, { user = "usr_fourth", role = "analyst" },
    })
    assert.equal(2, rights.others_who_may("rules:activate", BOSS))
    script.expect("holders", nil, AWAY)
    assert.same({ nil, AWAY }, { rights.others_who_may("rules:activate", BOSS) })
  end)

  it("is explained role by role", function()
    script.expect("company", { id = ids.child })
    script.expect("user", { id = ids.user })
    script.expect("held", {
      { role = "analyst", company = ids.own }, { role = "", role_name = "x", company = ids.child },
    })
    local answer = rights.explain(ids.user, ids.child, "usage:read")
    assert.is_true(answer.allowed)
    assert.same({
      { role = "analyst", company = ids.own, gives = true }, { role = "x", company = ids.child, gives = false },
    }, answer.because)
  end)

  it("is explained of keys, too, and only of those one may see", function()
    script.expect("company", { id = ids.own })
    script.expect("key", { permissions = { "usage:read" } })
    script.expect("own_key", { permissions = { "usage:read" } })
    assert.is_false(rights.explain(ids.key, ids.own, "usage:write").allowed)
    script.expect("company", { id = ids.own })
    script.expect("key", nil)
    local answer, err = rights.explain(ids.key, ids.own, "usage:write")
    assert.is_nil(answer)
    assert.equal("not_found", err.code)
    script.expect("company", { id = ids.own })
    answer, err = rights.explain("co_x", ids.own, "usage:write")
    assert.is_nil(answer)
    assert.equal("/actor", err.errors[1].pointer)
    script.expect("company", nil)
    assert.is_nil(rights.explain(ids.user, ids.child, "usage:write"))
  end)
end)

describe("a role", function()
  after_each(script.finish)

  it("is made by who has all that it gives", function()
    script.expect("held", OWNER)
    script.expect("insert_role", 1, nil, function(args)
      assert.equal(ids.own, args.company)
    end)
    script.expect("role", role())
    local made = rights.create_role({ name = "night shift", permissions = { "usage:read" } }, PRINCIPAL, record)
    assert.equal(ids.role, made.id)
  end)

  it("is not made by who has less", function()
    script.expect("held", { { role = "analyst" } })
    local wanted <const> = { "usage:read", "usage:write" }
    local made, err = rights.create_role({ name = "x", permissions = wanted }, PRINCIPAL, record)
    assert.is_nil(made)
    assert.is_truthy(err.detail:find("usage:write", 1, true))
  end)

  it("has a name of its own, in a company that is the caller's", function()
    local input <const> = { name = "x", permissions = { "usage:read" }, company = ids.child }
    script.expect("held", OWNER)
    script.expect("insert_role", nil, TAKEN)
    local _, taken = rights.create_role(input, PRINCIPAL, record)
    assert.equal("role_exists", taken.type)
    script.expect("held", OWNER)
    script.expect("insert_role", 0)
    local _, foreign = rights.create_role(input, PRINCIPAL, record)
    assert.equal("/company", foreign.errors[1].pointer)
  end)

  it("is changed within the same bounds", function()
    script.expect("role", role())
    script.expect("held", OWNER)
    script.expect("held", OWNER)
    script.expect("update_role", 1, nil, function(args)
      assert.equal("night shift", args.name)
      assert.same({ "usage:*" }, args.permissions)
    end)
    script.expect("role", role({ permissions = { "usage:*" } }))
    assert.is_table(rights.change_role(ids.role, { permissions = { "usage:*" } }, PRINCIPAL))
    script.expect("role", role({ permissions = { "*" } })) -- also its name is not touched by who has less
    script.expect("held", { { role = "analyst" } })
    assert.is_nil(rights.change_role(ids.role, { name = "y" }, PRINCIPAL))
    script.expect("role", role({ permissions = { "*" } })) -- nor is it made less of
    script.expect("held", { { role = "analyst" } })
    local less, denied = rights.change_role(ids.role, { permissions = { "usage:read" } }, PRINCIPAL)
    assert.is_nil(less)
    assert.equal("denied", denied.code)
    script.expect("role", role())
    script.expect("held", { { role = "analyst" } })
    script.expect("held", { { role = "analyst" } })
    local more
    more, denied = rights.change_role(ids.role, { permissions = { "usage:*" } }, PRINCIPAL)
    assert.is_nil(more)
    assert.is_truthy(denied.detail:find("/permissions", 1, true))
    script.expect("role", role())
    script.expect("held", OWNER)
    script.expect("update_role", nil, TAKEN)
    local _, err = rights.change_role(ids.role, { name = "y" }, PRINCIPAL)
    assert.equal("role_exists", err.type)
  end)

  it("that somebody else has changed meanwhile is not changed", function()
    script.expect("role", role())
    script.expect("held", OWNER)
    script.expect("update_role", 0)
    local changed, err = rights.change_role(ids.role, { name = "y" }, PRINCIPAL, 7)
    assert.is_nil(changed)
    assert.equal(412, err.status)
  end)

  it("is deleted when nobody has it", function()
    script.expect("role", role())
    script.expect("delete_role", 1)
    assert.is_true(rights.delete_role(ids.role))
    script.expect("role", role())
    script.expect("delete_role", 0)
    local _, err = rights.delete_role(ids.role)
    assert.equal("role_in_use", err.type)
    script.expect("role", nil)
    _, err = rights.delete_role(ids.role)
    assert.equal("not_found", err.code)
  end)
end)
