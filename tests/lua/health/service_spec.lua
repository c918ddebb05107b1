local health = require("health.service")
local script = require("helper")

describe("a node", function()
  after_each(script.finish)

  it("is ready when the database answers", function()
    script.expect("ping", { alive = 1 })
    assert.is_true(health.ready())
  end)

  it("is not ready when the database does not answer", function()
    script.expect("ping", nil, { code = "upstream", detail = "gone" })
    local ready, err = health.ready()
    assert.is_nil(ready)
    assert.equal("upstream", err.code)
  end)
end)
