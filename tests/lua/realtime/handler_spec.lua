local handler = require("realtime.handler")
local script = require("helper")

local ids = script.ids
local AWAY <const> = { code = "upstream" }

local function expect_key()
  local seed, public = tg.crypto.ed25519.keypair()
  local id = tg.id.new("jwk")
  script.expect("keys", { { id = id, public_key = public, signs_from = 0 } })
  script.expect("get", { sealed = tg.secrets.seal(seed, "jwt/" .. id:match("_(%w+)$")) })
end

describe("a request for a realtime token", function()
  after_each(script.finish)

  it("of a person gets one that ends with the session", function()
    local who <const> = { company = ids.child, actor = ids.user, session = ids.session }
    local req <const> = script.request({ principal = who })
    script.expect("session", { expires_at = tg.time.now() + 2000000 })
    expect_key()
    local status, body, headers = handler.create_token(req)
    assert.equal(200, status)
    assert.equal("2026-07-14T12:00:02Z", body.expires_at)
    assert.equal("no-store", headers["cache-control"])
    script.expect("session", nil) -- revoked meanwhile
    assert.is_nil(handler.create_token(req))
  end)

  it("of a key gets one for five minutes", function()
    expect_key()
    local status, body = handler.create_token(script.request())
    assert.equal(200, status)
    assert.equal("2026-07-14T12:05:00Z", body.expires_at)
    script.expect("keys", nil, AWAY)
    assert.same({ nil, AWAY }, { handler.create_token(script.request()) })
  end)
end)
