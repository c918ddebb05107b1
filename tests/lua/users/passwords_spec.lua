local passwords = require("users.passwords")

local ada <const> = { email = "ada.okafor@example.com", name = "Ada Okafor-Lee" }

local function refusal(password, person)
  local may, err = passwords.check(password, person or ada, "/password")
  return not may and err.errors[1].detail:match("^is [^:]*") or nil
end

describe("a password", function()
  it("is not one of those that everybody tries first, in whatever case", function()
    for _, word in ipairs({ "123qweasdzxc", "qwerty123456", "Motherfucker", "1QAZ2WSX3EDC", "sonyericsson" }) do
      assert.equal("is one of the most used passwords", refusal(word))
    end
  end)

  it("is not the same few characters over and over", function()
    assert.equal("is a few characters over and over", refusal("abababababababab"))
    assert.equal("is a few characters over and over", refusal(("é"):rep(12)))
  end)

  it("is not what anybody knows of the person, or of us", function()
    assert.equal("is little more than your name, your address or ours", refusal("OkaforTollgate1"))
    assert.equal("is little more than your name, your address or ours", refusal("example-okafor"))
    assert.is_nil(refusal("OkaforTollgate1", { email = "b@b.io", name = "B" }))
  end)

  it("may be anything else, spaces and letters of any language too", function()
    for _, word in ipairs({ "open sesame, please", "okafor buys seven pears", "päronträdet i år", "7f3k-92mm-x0pq" }) do
      assert.is_nil(refusal(word))
    end
  end)
end)
