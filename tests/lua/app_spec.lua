local app = require("app")
local permissions = require("identity.permissions")
local script = require("helper")

describe("the route table", function()
  it("asks for a permission that exists on every route, or says why not", function()
    for _, route in ipairs(app.routes) do
      local name = route.method .. " " .. route.path
      assert.is_function(route.handler, name)
      if route.permission then
        assert.is_true(permissions.exists(route.permission), name)
      else
        assert.is_string(route.public, name)
      end
    end
  end)

  it("has each method and path once", function()
    local seen = {}
    for _, route in ipairs(app.routes) do
      local name = route.method .. " " .. route.path:gsub("{[^}]*}", "{}")
      assert.is_nil(seen[name], name)
      seen[name] = true
    end
  end)

  it("has a route for every permission that can be given away", function()
    local used = {}
    for _, route in ipairs(app.routes) do
      used[route.permission or ""] = true
    end
    for _, name in ipairs(permissions.names()) do
      assert.is_true(used[name], name)
    end
  end)

  it("asks for writing rights where it writes, reading rights where it reads", function()
    for _, route in ipairs(app.routes) do
      if route.permission and route.path ~= "/v1/permissions/check" then -- which asks, with a body
        local reads = route.permission:match(":(.*)$") == "read"
        assert.equal(route.method == "GET", reads, route.method .. " " .. route.path)
      end
    end
  end)

  it("answers hello to anybody", function()
    local status, body = app.routes[1].handler(script.request())
    assert.equal(200, status)
    assert.same({ message = "hello" }, body)
  end)
end)
