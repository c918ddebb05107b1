local clean = require("audit.clean")

describe("what the log keeps of a value", function()
  it("is no secret, however deep and however it is spelled", function()
    local kept = clean.copy({
      name = "gateway", key = "tgk_1", new_password = "x",
      nested = { webhook_secret = "x", list = { { accessToken = "x" } } },
      totp_code = "123456", recovery = { "a", "b" }, code = "c", country_code = "DE",
    })
    local text = tg.json.encode(kept)
    assert.is_nil(text:find("tgk_1", 1, true))
    assert.is_nil(text:find("123456", 1, true))
    assert.same({ "gateway", "DE", "(a secret)" }, { kept.name, kept.country_code, kept.nested.webhook_secret })
    assert.equal("(a secret)", kept.nested.list[1].accessToken)
    assert.equal("(a secret)", kept.recovery)
  end)

  it("is not a secret that is taken away", function()
    assert.equal(tg.json.null, clean.copy({ secret = tg.json.null }).secret)
  end)

  it("has an end: long texts are cut at a character, large tables and deep ones stop", function()
    local text = clean.copy({ note = "a" .. ("ü"):rep(400) }).note
    assert.is_truthy(utf8.len(text))
    assert.is_true(#text < 310)
    local many = {}
    for i = 1, 5000 do
      many[i] = i
    end
    assert.is_string(clean.copy(tg.json.array(many)))
    local deep = {}
    local at = deep
    for _ = 1, 50 do
      at.x = {}
      at = at.x
    end
    assert.is_true(#tg.json.encode(clean.copy(deep)) < 200)
  end)

  it("writes decimals as text and keeps lists lists", function()
    local kept = clean.copy({ amount = tg.decimal.new("0.50"), list = tg.json.array({ 1, 2 }) })
    assert.equal("0.5", kept.amount)
    assert.is_true(tg.json.is_array(kept.list))
  end)
end)
