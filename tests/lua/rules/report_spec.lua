local report = require("rules.report")

local function group(changes)
  local made = { company = "co_1", currency = "USD", same = 90, different = 10, errors = 0, stored = "100", new = "102",
    deltas = { ["0.1"] = 5, ["0.3"] = 5 } }
  for key, value in pairs(changes or {}) do
    made[key] = value
  end
  return made
end

describe("a group", function()
  it("is shown with its difference, in percent, and how far a call moves", function()
    assert.same({
      company = "co_1", currency = "USD", same = 90, different = 10, errors = 0, stored = "100", new = "102",
      difference = "2", percent = "2", min = "0", p50 = "0", p95 = "0.1", max = "0.3",
    }, report.show(group(), true))
  end)

  it("has no percent of nothing", function()
    assert.equal(tg.json.null, report.show(group({ stored = "0" })).percent)
    assert.equal("0", report.show(group({ stored = "0", new = "0" })).percent)
  end)

  it("rounds percents, never amounts", function()
    local shown = report.show(group({ stored = "3", new = "3.000000000001" }))
    assert.equal("0.000000000001", shown.difference)
    assert.equal("0", shown.percent)
    assert.equal("-33.3333", report.show(group({ stored = "3", new = "2" })).percent)
  end)

  it("knows what became cheaper from what became dearer", function()
    local spread = report.spread(group({ same = 0, different = 4, deltas = { ["-2"] = 1, ["0"] = 1, ["0.5"] = 2 } }))
    assert.same({ min = "-2", p50 = "0", p95 = "0.5", max = "0.5" }, spread)
  end)

  it("has the value at the rank as its percentile", function()
    local deltas = {}
    for i = 1, 100 do
      deltas[tostring(i)] = 1
    end
    local spread = report.spread(group({ same = 0, different = 100, deltas = deltas }))
    assert.same({ min = "1", p50 = "50", p95 = "95", max = "100" }, spread)
  end)

  it("has no spread when nothing was compared", function()
    assert.same({}, report.spread(group({ same = 0, different = 0, deltas = {} })))
  end)
end)

describe("counting differences", function()
  it("keeps two digits of each when there are too many, and loses no call", function()
    local deltas = {}
    for i = 1, 900 do
      deltas = report.add_deltas(deltas, { [("0.00%03d"):format(i)] = 1 })
    end
    local n, kinds = 0, 0
    for text, count in pairs(deltas) do
      n, kinds = n + count, kinds + 1
      assert.is_truthy(text:find("^0%.00"), text)
    end
    assert.equal(900, n)
    assert.is_true(kinds <= 300)
  end)

  it("keeps sign and size", function()
    local many = {}
    for i = 1, 201 do
      many[("-12%d.5"):format(i + 100)] = 1
    end
    local coarse = report.add_deltas({}, many)
    assert.equal(201, coarse["-12000"])
  end)
end)

describe("pages of a backtest", function()
  it("add up by company and currency", function()
    local found = report.nothing("co_0")
    local page = {
      companies = { { company = "co_1", currency = "USD", events = 2, same = 1, different = 1, errors = 0,
        stored = tg.decimal.new("1.5"), new = tg.decimal.new("1.6"), deltas = { ["0.1"] = 1 } } },
      samples = { { usage = "usg_1" } },
    }
    report.add_page(found, page)
    report.add_page(found, page)
    local shown = report.of_backtest(found)
    assert.same({ 2, 2, 0 }, { shown.same, shown.different, shown.errors })
    assert.equal("3", shown.companies[1].stored)
    assert.equal("0.2", shown.companies[1].difference)
    assert.equal("3.2", shown.totals[1].new)
    assert.equal(tg.json.null, shown.totals[1].company)
    assert.equal(2, #shown.samples)
  end)

  it("add up to the same wherever one page ends and the next begins", function()
    local function add_up(size)
      local found = report.nothing("co_0")
      for from = 1, 900, size do
        local deltas = {}
        for i = from, math.min(900, from + size - 1) do
          deltas[("0.00%03d"):format(i)] = 1
        end
        report.add_page(found, { samples = {}, companies = { { company = "co_1", currency = "USD", same = 0,
          different = size, errors = 0, stored = "0", new = "1", deltas = deltas } } })
      end
      return found.groups[1].deltas
    end
    for _, size in ipairs({ 7, 11, 13, 100, 250 }) do
      assert.same(add_up(900), add_up(size))
    end
  end)

  it("keep the sums of ever so many companies, and show how calls move for the largest only", function()
    local companies = {}
    for i = 1, 5002 do
      companies[i] = group({ company = ("co_%04d"):format(i), stored = "1", new = tostring(i) })
    end
    local found = report.add_page(report.nothing("co_0"), { samples = {}, companies = companies })
    assert.is_nil(found.groups[5002].deltas)
    local shown = report.of_backtest(found)
    assert.equal(5002 * 100, shown.same + shown.different)
    assert.equal("co_5002", shown.companies[1].company)
    assert.equal(tg.json.null, shown.companies[1].max)
    assert.equal("0.3", shown.companies[3].max)
    assert.equal(tg.json.null, shown.companies[101].max)
    assert.equal("0.3", shown.totals[1].max)
  end)

  it("show the largest difference first, either way, and keep currencies apart", function()
    local shown = report.of_backtest(report.add_page(report.nothing("co_0"), { samples = {}, companies = {
      group({ company = "a", new = "101" }), group({ company = "b", new = "90" }),
      group({ company = "c", new = "105", currency = "EUR" }),
    } }))
    local order = {}
    for i, one in ipairs(shown.companies) do
      order[i] = one.company
    end
    assert.same({ "b", "c", "a" }, order)
    assert.same({ "EUR", "USD" }, { shown.totals[1].currency, shown.totals[2].currency })
    assert.equal("-9", shown.totals[2].difference)
  end)
end)

describe("a gate", function()
  local function evidence(changes)
    local made = { calls = 100, errors = 0, groups = { group() }, is_whole = true }
    for key, value in pairs(changes or {}) do
      made[key] = value
    end
    return made
  end

  it("lets through what it does not forbid", function()
    local gate <const> = { max_increase_percent = "2", max_shadow_errors = 0, min_shadow_calls = 100 }
    assert.same({}, report.gate(gate, evidence()))
    assert.same({}, report.gate({}, evidence({ calls = 1, errors = 9 })))
  end)

  it("does not take silence for consent, unless it is told to", function()
    local gate <const> = { max_increase_percent = "0" }
    local none = evidence({ calls = 0, groups = {} })
    assert.same({ "0 calls were compared, at least 1 are wanted" }, report.gate(gate, none))
    gate.min_shadow_calls = 0
    assert.same({}, report.gate(gate, evidence({ calls = 0, groups = {} })))
  end)

  it("names each company that pays too much, to the last digit", function()
    local reasons = report.gate({ max_increase_percent = "1.9999" }, evidence())
    assert.same({ "co_1 pays 102 USD instead of 100: +2 %, allowed are 1.9999 %" }, reasons)
    assert.equal(1, #report.gate({ max_increase_percent = "0" },
      evidence({ groups = { group({ stored = "3", new = "3.000000000001" }) } })))
    assert.equal(0, #report.gate({ max_increase_percent = "0" }, evidence({ groups = { group({ new = "1" }) } })))
  end)

  it("takes no percentage of nothing", function()
    local reasons = report.gate({ max_increase_percent = "1000000" },
      evidence({ groups = { group({ stored = "0", new = "0.01" }) } }))
    assert.is_truthy(reasons[1]:find("there was nothing to pay", 1, true))
  end)

  it("knows nothing of a company whose every call failed", function()
    local failed = group({ same = 0, different = 0, errors = 3, stored = "0", new = "0" })
    assert.same({ "co_1: each of its calls in USD failed, so what it would pay is not known" },
      report.gate({ max_increase_percent = "5" }, evidence({ errors = 3, groups = { failed } })))
    assert.same({}, report.gate({ max_shadow_errors = 3 }, evidence({ errors = 3, groups = { failed } })))
  end)

  it("wants enough calls, and few errors", function()
    local reasons = report.gate({ max_shadow_errors = 0, min_shadow_calls = 101 }, evidence({ errors = 1 }))
    assert.same({ "100 calls were compared, at least 101 are wanted", "1 of the calls failed, at most 0 may" }, reasons)
  end)

  it("does not believe what it cannot see whole", function()
    assert.equal(1, #report.gate({ max_increase_percent = "5" }, evidence({ is_whole = false })))
    assert.equal(0, #report.gate({ max_shadow_errors = 5 }, evidence({ is_whole = false })))
  end)
end)
