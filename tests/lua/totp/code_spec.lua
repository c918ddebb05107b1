require("helper")
local code = require("totp.code")

local SECRET <const> = "12345678901234567890"
local SECOND <const> = 1000000

describe("a code of the moment", function()
  it("is that of RFC 6238, appendix B", function()
    for seconds, wanted in pairs({
      [59] = "94287082", [1111111109] = "07081804", [1111111111] = "14050471", [1234567890] = "89005924",
      [2000000000] = "69279037", [20000000000] = "65353130",
    }) do
      assert.equal(wanted, code.at(SECRET, code.step(seconds * SECOND), 8))
      assert.equal(wanted:sub(3), code.at(SECRET, code.step(seconds * SECOND)))
    end
  end)

  it("is found one step around now, and not where one was taken", function()
    local now <const> = 1234567890 * SECOND
    local step <const> = code.step(now)
    for distance, found in pairs({ [-2] = false, [-1] = true, [0] = true, [1] = true, [2] = false }) do
      local text = code.at(SECRET, step + distance)
      assert.equal(found and step + distance or nil, code.find(SECRET, text, now, 0))
      assert.equal(found and distance > 0 and step + distance or nil, code.find(SECRET, text, now, step))
    end
  end)

  it("is not found in what is none", function()
    for _, text in ipairs({ "", "00000", "0000000", "abcdef", "١٢٣٤٥٦" }) do
      assert.is_nil(code.find(SECRET, text, 0, 0))
    end
  end)
end)

describe("a secret", function()
  it("is written as RFC 4648, section 10, without padding", function()
    for bytes, wanted in pairs({
      [""] = "", f = "MY", fo = "MZXQ", foo = "MZXW6", foob = "MZXW6YQ", fooba = "MZXW6YTB", foobar = "MZXW6YTBOI",
    }) do
      assert.equal(wanted, code.base32(bytes))
    end
  end)

  it("goes into an authenticator with the account, whatever is in its name", function()
    assert.equal(
      "otpauth://totp/Tollgate:a%2Bb%40ex%C3%A4mple.com?secret=MZXW6&issuer=Tollgate&algorithm=SHA1&digits=6&period=30",
      code.uri("foo", "a+b@exämple.com")
    )
  end)
end)
