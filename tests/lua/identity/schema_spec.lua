local schema = require("identity.schema")
local v = require("core.validate")

local function first_fault(pricing)
  local clean, err = v.check(schema.pricing, pricing)
  return clean == nil and err.errors[1].pointer or nil
end

describe("pricing parameters", function()
  it("accept what the rating rules know", function()
    local pricing = {
      charge_decimals = 6, rounding = "half_up", rate_at = "split", bundle_partial = "whole_block",
      windows = {
        peak = { days = { 1, 2, 3, 4, 5 }, from = "08:00", to = "20:00" },
        weekend = { days = { 6, 7 }, from = "00:00", to = "24:00", priority = 2, holidays = { "2026-12-25" } },
      },
      tiers = { { up_to_s = 6000, per_minute = "0.06" }, { up_to_s = tg.json.null, per_minute = "0.03" } },
      min_charge = "0.01", max_charge = "1.00", grace_ms = 500, cc = "49", idd = "00", trunk = "0",
      prices = {
        ["llm.tokens.in"] = { model = "per_unit", price = "0.15", per = 1000000 },
        ["tts.characters"] = { model = "package", price = "0.30", size = 1000 },
        sms = {
          model = "included", quantity = "100", rollover = { periods = 1, max = "50" }, shares = "messages",
          over = { model = "graduated", tiers = { { up_to = "9", price = "0.01", flat = "1" }, { price = "0.008" } } },
        },
      },
      pack = "retell", pack_options = { per_minute = { voice = "0.07" } },
      expected = { ["llm.tokens.in"] = "900", ["tts"] = "0.5" },
      parameters = { sunday_max = "0.50", vip = { "+12125550100", "+12125550101" }, rules = { on = true, after = 3 } },
    }
    assert.same(pricing, (v.check(schema.pricing, pricing)))
  end)

  it("refuse what would rate wrongly, and say where", function()
    local open = { per_minute = "0.03" }
    for pointer, pricing in pairs({
      ["/charge_decimals"] = { charge_decimals = 13 },
      ["/rounding"] = { rounding = "bankers" },
      ["/currency"] = { currency = "USD" },
      ["/min_charge"] = { min_charge = 0.5 },
      ["/windows/peak/from"] = { windows = { peak = { from = "24:01", to = "20:00" } } },
      ["/windows/peak/to"] = { windows = { peak = { from = "08:00" } } },
      ["/windows/Peak"] = { windows = { Peak = { from = "08:00", to = "20:00" } } },
      ["/windows/n/holidays/0"] = { windows = { n = { from = "08:00", to = "20:00", holidays = { "2026-02-31" } } } },
      ["/windows/" .. ("n"):rep(32)] = { windows = { [("n"):rep(32)] = { from = "08:00", to = "20:00" } } },
      ["/tiers/0/up_to_s"] = { tiers = { open, open } },
      ["/tiers/1/up_to_s"] = { tiers = { { up_to_s = 9, per_minute = "1" }, { up_to_s = 9, per_minute = "1" }, open } },
      ["/tiers"] = { tiers = tg.json.array({}) },
      ["/cc"] = { cc = "+49" },
      ["/prices/sms/model"] = { prices = { sms = { model = "commitment" } } },
      ["/prices/sms/tiers"] = { prices = { sms = { model = "graduated" } } },
      ["/prices/sms/tiers/0/up_to"] = {
        prices = { sms = { model = "volume", tiers = { { price = "1" }, { price = "2" } } } },
      },
      ["/prices/sms/tiers/1/up_to"] = {
        prices = { sms = { model = "volume", tiers = { { up_to = "9", price = "1" }, { up_to = "8", price = "2" } } } },
      },
      ["/prices/sms/over"] = { prices = { sms = { model = "included", quantity = "5" } } },
      ["/prices/sms/over/model"] = {
        prices = { sms = { model = "included", quantity = "5", over = { model = "included" } } },
      },
      ["/prices/sms/price"] = { prices = { sms = { model = "package", size = 10 } } },
      ["/prices/SMS"] = { prices = { SMS = { model = "flat", amount = "1" } } },
      ["/pack"] = { pack = "acme" },
      ["/parameters"] = { parameters = { "a", "list" } },
      ["/parameters/half"] = { parameters = { half = 0.5 } },
      ["/parameters/list/1"] = { parameters = { list = { 1, tg.json.null } } },
      ["/parameters/a/a/a/a/a/a"] = { parameters = { a = { a = { a = { a = { a = { a = {} } } } } } } },
      ["/pack_options/per_minute"] = { pack = "retell" },
      ["/expected/llm.tokens.in"] = { expected = { ["llm.tokens.in"] = "-1" } },
    }) do
      assert.equal(pointer, first_fault(pricing))
    end
  end)

  it("have no more data for rules than a call can carry", function()
    local many = {}
    for i = 1, 1000 do
      many[i] = i
    end
    assert.equal("/parameters", first_fault({ parameters = { many = many } }))
    assert.equal("/parameters", first_fault({ parameters = { long = ("x"):rep(16384) } }))
    assert.is_nil(first_fault({ parameters = { long = ("x"):rep(16000), list = { 1, 2 } } }))
  end)

  it("have no more holidays than the calendar takes", function()
    local windows, year = {}, {}
    for i = 1, 350 do
      year[i] = ("2026-%02d-%02d"):format(1 + i // 28 % 12, 1 + i % 28)
    end
    for i = 1, 6 do
      windows["w" .. i] = { from = "08:00", to = "20:00", holidays = year }
    end
    assert.equal("/windows", first_fault({ windows = windows }))
    windows.w6 = nil
    assert.is_nil(first_fault({ windows = windows }))
  end)

  it("let the last tier be the one without an end", function()
    assert.equal("/tiers/0/up_to_s", first_fault({ tiers = { { up_to_s = 60, per_minute = "0.06" } } }))
    assert.is_nil(first_fault({ tiers = { { per_minute = "0.06" } } }))
  end)
end)

describe("limits of calls", function()
  it("name what is wrong with them", function()
    for pointer, limits in pairs({
      ["/concurrent_calls"] = { concurrent_calls = -1 },
      ["/calls_per_agent"] = { calls_per_agent = "3" },
      ["/fraud_score"] = { fraud_score = 101 },
      ["/blocked_prefixes/1"] = { blocked_prefixes = tg.json.array({ "44", "+49" }) },
      ["/allowed_prefixes"] = { allowed_prefixes = "44" },
      ["/lines"] = { lines = 3 },
    }) do
      local _, err = v.check(schema.limits, limits)
      assert.equal(pointer, err.errors[1].pointer)
    end
  end)

  it("may be none, which is not the same as zero", function()
    assert.same({}, (v.check(schema.limits, {})))
    assert.same({ concurrent_calls = 0 }, (v.check(schema.limits, { concurrent_calls = 0 })))
  end)
end)
