local roles = require("users.roles")
local permissions = require("identity.permissions")
local schema = require("users.schema")
local script = require("helper")
local v = require("core.validate")

describe("what comes in about people", function()
  it("has e-mail addresses that could be one", function()
    for text, good in pairs({
      ["ada@example.com"] = true, ["a+b@x.co.uk"] = true, ["ada"] = false, ["ada@"] = false, ["@example.com"] = false,
      ["a da@example.com"] = false, ["ada@example"] = false, ["a@b@example.com"] = false, ["<ada@example.com>"] = false,
      ["ada@example.com\nBcc: x@y.z"] = false, [("a"):rep(250) .. "@x.yz"] = false,
    }) do
      assert.equal(good, v.check(schema.email, text) ~= nil, text)
    end
  end)

  it("has passwords of twelve characters and more, whichever they are", function()
    for text, good in pairs({ ["            "] = true, ["elevenchars"] = false, [("x"):rep(257)] = false }) do
      assert.equal(good, v.check(schema.password, text) ~= nil, text)
    end
  end)

  it("names roles that exist, or look like the company's own", function()
    local function check(role)
      return v.check(schema.user_change, { roles = tg.json.array({ { role = role } }) })
    end
    assert.is_table(check("owner"))
    assert.is_table(check(script.ids.role))
    for _, role in ipairs({ "emperor", "rol_x", script.ids.user, 7 }) do
      local _, err = check(role)
      assert.equal("/roles/0/role", err.errors[1].pointer)
    end
  end)
end)

describe("the built-in roles", function()
  it("give permissions that exist", function()
    for name, role in pairs(roles.BUILT_IN) do
      for _, permission in ipairs(role.permissions) do
        assert.is_true(permissions.exists(permission) or permission == "audit:read", name .. ": " .. permission)
      end
    end
  end)

  it("of those who only look let nobody write", function()
    for _, name in ipairs({ "analyst", "auditor", "supervisor", "agent" }) do
      for _, permission in ipairs(roles.BUILT_IN[name].permissions) do
        local may = name == "supervisor" and permission == "calls:stop" -- what a supervisor is there for
        assert.is_truthy(may or permission:find(":read$"), name .. ": " .. permission)
      end
    end
  end)
end)
