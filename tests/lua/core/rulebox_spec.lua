local lfs = require("lfs")
local rulebox = require("caps")

describe("core.rulebox", function()
  if not rulebox then
    return pending("tgcaps.so is not built")
  end
  local root

  before_each(function()
    root = os.tmpname()
    os.remove(root)
    assert(lfs.mkdir(root) and lfs.mkdir(root .. "/alerts"))
  end)
  after_each(function()
    os.remove(root .. "/alerts/rules.lua")
    lfs.rmdir(root .. "/alerts")
    lfs.rmdir(root)
  end)

  local INPUT <const> = {
    alert = { id = "a", direction = "above", threshold = "5" }, value = "6", at = 1784109600000000,
  }

  -- The rule whose decide is this text.
  local function rule_of(body, needs)
    local file <close> = assert(io.open(root .. "/alerts/rules.lua", "w"))
    file:write(([[
      local seen, list = {}, { 1, 2 }
      return { hook = "alerts.evaluate", api = 1, needs = { %s }, decide = function(input, cap) %s end }
    ]]):format(needs or "", body))
    file:close()
    return rulebox.load(root, "alerts/rules.lua")["alerts.evaluate"]
  end
  local function failure(body, needs)
    local ok, why = pcall(function()
      return rule_of(body, needs).decide(INPUT)
    end)
    assert(not ok, "it decided")
    return tostring(why)
  end

  it("takes an answer that is of the declared type", function()
    local result = rule_of("return { state = { firing = false, run = 0 } }").decide(INPUT)
    assert.same({ state = { firing = false, run = 0 } }, result)
  end)

  it("refuses any other, and says where", function()
    assert.matches("result%.state%.run is missing", failure("return { state = { firing = true } }"))
    assert.matches("result%.event", failure("return { event = 'boom', state = { firing = true, run = 1 } }"))
    assert.matches("a float", failure("return { state = { firing = true, run = 1.0 } }"))
    assert.matches("result%.why is not declared", failure("return { why = 'x', state = { firing = true, run = 1 } }"))
    assert.matches("result", failure("return nil"))
  end)

  it("keeps a rule from keeping anything", function()
    assert.matches("seen is read%-only", failure("seen[1] = input"))
    assert.matches("read%-only", failure("list[#list + 1] = 3"))
    assert.matches("read%-only", failure("cap.decimal = 1", '"decimal"'))
  end)

  it("has no names that the server has not", function()
    assert.matches("os", failure("os.exit(1)"))
    assert.matches("cap has no 'decimal'", failure("return cap.decimal.new(1)"))
    assert.matches("there is no capability clock", failure("return {}", '"clock"'))
  end)

  it("finds what a folder of rules leaves out in the release", function()
    local rule = rule_of("return { state = { firing = cap.lib.pricing.order ~= nil, run = 0 } }", '"lib.pricing.order"')
    assert.is_true(rule.decide(INPUT).state.firing)
  end)

  it("tells a case that holds from one that does not", function()
    local rule = rule_of("if input.value == '6' then error('six') end return { state = { firing = false, run = 0 } }")
    local want = { state = { run = 0 } }
    assert.is_nil(rulebox.try(rule, { name = "fails as it should", input = INPUT, error = "six" }))
    assert.matches("six", rulebox.try(rule, { name = "fails", input = INPUT, want = want }))
    local other = { alert = INPUT.alert, value = "7", at = 1 }
    assert.is_nil(rulebox.try(rule, { name = "holds", input = other, want = want }))
    assert.matches("result.state.run is 0, not 1", rulebox.try(rule, { input = other, want = { state = { run = 1 } } }))
    assert.matches("instead of failing", rulebox.try(rule, { input = other, error = "six" }))
    local faulty = { alert = INPUT.alert, value = 1 }
    assert.matches("input%.at is missing", rulebox.try(rule, { input = faulty, want = want }))
  end)
end)
