local signature = require("voice.signature")

local NOW <const> = 1795341600000000
local SECRET <const> = "0123456789abcdef"

local function from(headers)
  return function(name)
    return headers[name]
  end
end

local function mac(text)
  return tg.crypto.hex(tg.crypto.hmac_sha256(SECRET, text))
end

local function vapi(how, headers)
  return signature.vapi(how, SECRET, from(headers), "body", NOW)
end

local function retell(header)
  return signature.retell(nil, SECRET, from({ ["x-retell-signature"] = header }), "body", NOW)
end

describe("a request of Vapi", function()
  it("brings the secret", function()
    assert.is_true(vapi("secret", { ["x-vapi-secret"] = SECRET }))
    assert.is_true(vapi("secret", { authorization = "Bearer " .. SECRET }))
    for _, headers in ipairs({
      {}, { ["x-vapi-secret"] = "" }, { ["x-vapi-secret"] = SECRET .. "0" }, { authorization = SECRET },
      { authorization = "Basic " .. SECRET }, { ["x-vapi-secret"] = "x", authorization = "Bearer " .. SECRET },
    }) do
      assert.is_false(vapi("secret", headers))
    end
  end)

  it("is signed with its time", function()
    for _, time in ipairs({ "1795341600", "1795341600000", "1795341300000", "1795341900" }) do
      assert.is_true(vapi("hmac", { ["x-signature"] = mac(time .. ".body"), ["x-timestamp"] = time }))
    end
    assert.is_true(vapi("hmac", { ["x-signature"] = mac("1795341600.body"):upper(), ["x-timestamp"] = "1795341600" }))
  end)

  it("is not signed too early, too late, or otherwise", function()
    local TIMES <const> = { "1795341299", "1795341901", "0", "", "-1", "0x6b02b9e0", "17953416000000000000000", "1e9" }
    for _, time in ipairs(TIMES) do
      assert.is_false(vapi("hmac", { ["x-signature"] = mac(time .. ".body"), ["x-timestamp"] = time }))
    end
    assert.is_false(vapi("hmac", { ["x-signature"] = mac("1795341600.other"), ["x-timestamp"] = "1795341600" }))
    assert.is_false(vapi("hmac", { ["x-signature"] = mac("1795341600.body"), ["x-timestamp"] = "1795341601" }))
    assert.is_false(vapi("hmac", { ["x-signature"] = mac("1795341600.body") }))
    assert.is_false(vapi("hmac", { ["x-timestamp"] = "1795341600" }))
    assert.is_false(vapi("hmac", { ["x-vapi-secret"] = SECRET }))
  end)
end)

describe("a request of Retell", function()
  it("is signed over its bytes and the time", function()
    assert.is_true(retell("v=1795341600000,d=" .. mac("body1795341600000")))
  end)

  it("is not signed otherwise", function()
    for _, header in ipairs({
      "", "v=1795341600000", "d=" .. mac("body"), "v=,d=" .. mac("body"), "v=1795341600000,d=",
      "v=1795341600000,d=" .. mac("body1795341600001"), "v=1795341299999,d=" .. mac("body1795341299999"),
      "v=1795341600000,d=" .. mac("body1795341600000") .. "0", " v=1795341600000,d=" .. mac("body1795341600000"),
    }) do
      assert.is_false(retell(header))
    end
    assert.is_false(retell(nil))
  end)
end)
