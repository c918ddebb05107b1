local etag = require("core.etag")
local script = require("helper")

local ROW <const> = { updated_at = 1784030400123456 }

local function expected(text)
  return etag.expected(script.request({ headers = { ["if-match"] = text } }))
end

describe("an ETag", function()
  it("is the name of a state, and comes back as what it names", function()
    local text <const> = etag.headers(ROW).etag
    assert.is_truthy(text:find('^"%x+"$'))
    assert.equal(ROW.updated_at, expected(text))
    assert.equal(ROW.updated_at, expected("W/" .. text))
    assert.is_true(etag.check(ROW, expected(text)))
  end)

  it("that nobody asks for is any", function()
    assert.is_nil(expected(nil))
    assert.is_nil(expected("*"))
    assert.is_true(etag.check(ROW, nil))
  end)

  it("may name more than a state, and a change minds the state only", function()
    local text <const> = etag.headers(ROW, 7).etag
    assert.not_equal(etag.headers(ROW).etag, text)
    assert.equal(ROW.updated_at, expected(text))
  end)

  it("that somebody has already spares them the rest", function()
    local function ask(known, status)
      return etag.conditional(function()
        return status or 200, { a = 1 }, etag.headers(ROW)
      end)(script.request({ headers = { ["if-none-match"] = known } }))
    end
    local tag <const> = etag.headers(ROW).etag
    for _, known in ipairs({ tag, "W/" .. tag, '"1", ' .. tag, "*" }) do
      local status, body, headers = ask(known)
      assert.same({ 304, nil, tag }, { status, body, headers.etag })
    end
    assert.equal(200, (ask('"1"')))
    assert.equal(200, (ask(nil)))
    assert.equal(404, (ask(tag, 404)))
  end)

  it("of another state, or of nothing, fits nothing", function()
    for _, text in ipairs({
      "", "x", '""', '"x"', '"1"', '"1", "2"', '"ffffffffffffffffffffffff"', '"0x12"',
      etag.headers({ updated_at = 5 }).etag,
    }) do
      local same, err = etag.check(ROW, expected(text))
      assert.is_nil(same)
      assert.equal(412, err.status)
    end
  end)
end)
