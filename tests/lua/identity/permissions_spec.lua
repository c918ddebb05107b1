local permissions = require("identity.permissions")

describe("permissions", function()
  it("cover what they name, and a star covers everything", function()
    assert.is_true(permissions.cover({ "*" }, { "*", "usage:write" }))
    assert.is_true(permissions.cover({ "usage:read", "usage:write" }, { "usage:write" }))
    assert.is_true(permissions.cover({}, {}))
    assert.is_true(permissions.cover({}, permissions.OWN))
    assert.is_true(permissions.cover({ "usage:*" }, { "usage:write", "usage:*" }))
  end)

  it("are not given away by who has not got them", function()
    for _, case in ipairs({ { {}, "usage:write" }, { { "usage:read" }, "usage:write" }, { { "usage:read" }, "*" },
      { { "usage:read" }, "usage:*" }, { { "usage:*" }, "wallets:read" } }) do
      local covered, missing = permissions.cover(case[1], { case[2] })
      assert.is_false(covered)
      assert.equal(case[2], missing)
    end
  end)
end)
