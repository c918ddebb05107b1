local v = require("core.validate")

local function faults_of(shape, value)
  local clean, err = v.check(shape, value)
  assert.is_nil(clean)
  local list = {}
  for i, fault in ipairs(err.errors) do
    list[i] = fault.pointer .. ": " .. fault.detail
  end
  return list, err
end

describe("validate", function()
  local shape = v.object({
    name = v.string({ min = 1, max = 5 }),
    count = v.optional(v.integer(1, 10)),
    tags = v.optional(v.list(v.string({ max = 3 }), { max = 2 })),
    inner = v.optional(v.object({ on = v.boolean() })),
    note = v.nullable(v.string({ max = 10 })),
  })

  it("returns what was sent when it fits", function()
    local sent = { name = "Ada", count = 3, tags = tg.json.array({ "a" }), inner = { on = true } }
    assert.same(sent, (v.check(shape, sent)))
  end)

  it("says every fault at once, each with its place", function()
    local list, err = faults_of(shape, { count = 11, tags = tg.json.array({ "long" }), inner = { on = 1 }, nmae = "x" })
    assert.same({
      "/nmae: is not a field of this request", "/count: must be between 1 and 10", "/inner/on: must be true or false",
      "/name: is required", "/tags/0: must have at most 3 characters",
    }, list)
    assert.equal("input", err.code)
    assert.equal("/nmae is not a field of this request, and 4 more: see errors", err.detail)
  end)

  it("stops counting faults at twenty", function()
    local body = { name = "a" }
    for i = 1, 100 do
      body["f" .. i] = 1
    end
    assert.equal(20, #faults_of(shape, body))
  end)

  it("escapes names in pointers as RFC 6901 says", function()
    assert.same({ "/a~1b~0c: is not a field of this request" }, (faults_of(shape, { name = "a", ["a/b~c"] = 1 })))
  end)

  it("counts characters, not bytes", function()
    assert.same({ name = "äöüßé" }, (v.check(shape, { name = "äöüßé" })))
  end)

  it("refuses control characters and bad UTF-8", function()
    assert.same({ "/name: must not contain control characters" }, (faults_of(shape, { name = "a\nb" })))
    assert.same({ "/name: must be valid UTF-8" }, (faults_of(shape, { name = "\xff" })))
  end)

  it("keeps null only where null means something", function()
    assert.equal(tg.json.null, v.check(shape, { name = "a", note = tg.json.null }).note)
    assert.same({ "/count: must be a whole number" }, (faults_of(shape, { name = "a", count = tg.json.null })))
  end)

  it("refuses a body that is a list, a word or nothing", function()
    for _, body in ipairs({ tg.json.array({ 1 }), tg.json.array({}), "name", 7, true, tg.json.null }) do
      assert.same({ ": must be an object" }, (faults_of(shape, body)))
    end
  end)

  it("tells an empty list from an empty object", function()
    local list = v.list(v.integer(1, 2), { max = 3 })
    assert.same({}, (v.check(list, tg.json.array({}))))
    assert.same({ ": must be an array" }, (faults_of(list, {})))
  end)

  it("takes money as a string and never as a number", function()
    local decimal = v.decimal()
    for _, good in ipairs({ "0", "0.0120", "123456789012345678.123456789012" }) do
      assert.equal(good, (v.check(decimal, good)))
    end
    local long <const> = "1234567890123456789"
    for _, bad in ipairs({ "", "-1", "1.", ".5", "1e3", "0x1", " 1", "1.1234567890123", long, 5, 0.5 }) do
      assert.is_nil((v.check(decimal, bad)))
    end
  end)

  it("knows currencies and time zones by their exact names", function()
    assert.equal("JPY", (v.check(v.currency(), "JPY")))
    assert.is_nil((v.check(v.currency(), "usd")))
    assert.is_nil((v.check(v.currency(), "ZZZ")))
    assert.equal("Europe/Berlin", (v.check(v.timezone(), "Europe/Berlin")))
    assert.is_nil((v.check(v.timezone(), "europe/berlin")))
    assert.is_nil((v.check(v.timezone(), "../../etc/passwd")))
  end)

  it("refuses unknown parameters, so that a misspelt filter does not show everything", function()
    local clean, err = v.query({ status = v.optional(v.enum({ "a" })) }, { statsu = "a" })
    assert.is_nil(clean)
    assert.same({ { pointer = "?statsu", detail = "is not a parameter of this request" } }, err.errors)
  end)

  it("answers not_found to an id that cannot be one", function()
    local id, err = v.path_id("1' OR 1=1", "co", "company")
    assert.is_nil(id)
    assert.equal("not_found", err.code)
  end)
end)
