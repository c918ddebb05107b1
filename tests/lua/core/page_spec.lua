local page = require("core.page")
local script = require("helper")
local v = require("core.validate")

describe("page", function()
  it("gives a cursor only when there is more", function()
    local rows = { { id = script.ids.own }, { id = script.ids.child } }
    local function show(row)
      return { id = row.id }
    end
    local function key(row)
      return { row.id }
    end
    assert.equal(tg.json.null, page.answer(rows, 2, show, key).next_cursor)
    local body = page.answer(rows, 1, show, key)
    assert.same({ { id = script.ids.own } }, body.data)
    assert.same({ script.ids.own }, (page.decode(body.next_cursor, { "co" })))
  end)

  it("shows no rows as an empty list", function()
    assert.is_true(tg.json.is_array(page.answer({}, 1).data))
  end)

  it("refuses a cursor of another list, a damaged one and a made-up one", function()
    local good = page.encode({ script.ids.own })
    for _, case in ipairs({
      { good, { "deck" } }, { good, { "co", "time" } }, { good .. "!", { "co" } }, { "", { "co" } },
      { tg.crypto.base64url("[9223372036854775807]"), { "time" } }, { tg.crypto.base64url("[-1]"), { "time" } },
      { tg.crypto.base64url("[1e3]"), { "co" } }, { tg.crypto.base64url('{"a":1}'), { "co" } },
    }) do
      local key, err = page.decode(case[1], case[2])
      assert.is_nil(key)
      assert.equal("?cursor", err.errors[1].pointer)
    end
  end)

  it("bounds the limit", function()
    local fields = page.query({})
    for text, expected in pairs({ ["1"] = 1, ["500"] = 500 }) do
      assert.equal(expected, v.query(fields, { limit = text }).limit)
    end
    for _, text in ipairs({ "0", "501", "-1", "1.5", "ten", "", "99999999999999999999" }) do
      assert.is_nil((v.query(fields, { limit = text })))
    end
  end)
end)
