local token = require("identity.token")

describe("the text of an API key", function()
  it("comes back as the id and the hash that is stored", function()
    local made = token.new("key")
    assert.equal(4 + 26 + 1 + 43, #made.text)
    local id, hash = token.parse(made.text, "key")
    assert.equal(made.id, id)
    assert.equal(made.hash, tg.crypto.hex(hash))
  end)

  it("does not hold what is stored", function()
    local made = token.new("key")
    assert.is_nil(made.text:find(made.hash, 1, true))
  end)

  it("is refused in any other form, without asking the database", function()
    local text = token.new("key").text
    for _, bad in ipairs({
      "", "tgk_", text .. "A", text:sub(1, -2), text:upper(), "x" .. text, text:gsub("_", "-"),
      "tgk_" .. ("z"):rep(26) .. "_" .. ("A"):rep(43), text .. "\n",
    }) do
      assert.is_nil((token.parse(bad, "key")), bad)
    end
  end)
end)
