local dice = require("dice")
local page = require("core.page")
local script = require("helper")
local v = require("core.validate")

-- What a key of these types may be, said once more.
local FITS <const> = {
  text = function(value)
    return type(value) == "string" and #value <= 800 and utf8.len(value) ~= nil
  end,
  time = function(value)
    return math.type(value) == "integer" and value >= 0 and value <= 253402300799999999
  end,
  sha256 = function(value)
    return type(value) == "string" and #value == 64 and not value:find("[^0-9a-f]")
  end,
  co = function(value)
    return type(value) == "string" and tg.id.is(value, "co")
  end,
}

local function fits(key, types)
  for i, expected in ipairs(types) do
    if not FITS[expected](key[i]) then
      return false
    end
  end
  return #key == #types
end

-- Parts of a key that are nearly right, or not at all.
local STRANGE <const> = {
  "0", "-0", "-1", "1.0", "1e3", "1e999", "253402300799999999", "253402300800000000", "9223372036854775808", "null",
  "true", '""', '"co_"', '"co_01h2xcejqtf2nbrexx3vqjhp41"', '"CO_01H2XCEJQTF2NBREXX3VQJHP41"',
  '"co_81h2xcejqtf2nbrexx3vqjhp41"', '"usr_01h2xcejqtf2nbrexx3vqjhp41"', "[]", "{}", '{"1": 0}', '"\\u0000"',
  '"' .. ("0f"):rep(32) .. '"', '"' .. ("0F"):rep(32) .. '"', '"' .. ("0"):rep(65) .. '"', '"\\ud800"', '"\xff"', "",
}

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

  it("takes of whatever is sent as a cursor nothing but a key of the list", function()
    local roll, taken = dice.new(4711), 0
    local lists <const> = { { "co" }, { "time" }, { "text", "co" }, { "sha256" }, { "time", "sha256" } }
    for _ = 1, 20000 do
      local parts, types = {}, roll.one(lists)
      for i = 1, roll(3) do
        parts[i] = roll.one(STRANGE)
      end
      local cursor = tg.crypto.base64url("[" .. table.concat(parts, ",") .. "]")
      if roll(3) == 1 and #cursor > 0 then
        local at <const> = roll(#cursor)
        cursor = cursor:sub(1, at - 1) .. string.char(roll(256) - 1) .. cursor:sub(at + roll(2))
      end
      local key, err = page.decode(cursor, types)
      if key then
        taken = taken + 1
        assert.is_true(fits(key, types), cursor)
      else
        assert.equal("?cursor", err.errors[1].pointer)
      end
    end
    assert.is_true(taken > 100, "hardly any cursor was good: " .. taken)
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
