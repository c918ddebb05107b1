--- What another bundle does to the money, in figures, and whether that passes a gate.
-- Pure: rows in, tables out. A *group* is what one company pays in one currency: {company, currency, same, different,
-- errors, stored, new, deltas}, where stored is what was charged, new what the other bundle says, and deltas tells how
-- often each difference of one call was seen, {["0.0012"] = 3}. Differences of nothing need not be counted there.
local report = {}

local DELTAS_MAX <const> = 200 -- distinct differences of a group; above it they are kept to two digits
local GROUPS_MAX <const> = 5000
local SAMPLES_MAX <const> = 100

-- "0.001234" → "0.0012": two digits that count, the rest cut off.
local function two_digits(text)
  local sign, whole, places = text:match("^(%-?)(%d+)%.?(%d*)$")
  local digits = whole .. places
  local first = digits:find("[1-9]") or #digits
  local kept = digits:sub(1, first + 1) .. ("0"):rep(#digits - first - 1)
  kept = kept:sub(1, #whole) .. (places ~= "" and "." .. kept:sub(#whole + 1, #digits) or "")
  return tostring(tg.decimal.new(sign .. kept))
end

local function count_of(map)
  local n = 0
  for _ in pairs(map) do
    n = n + 1
  end
  return n
end

--- Adds the counts of `more` to `deltas`. What was coarse once stays so: then in the end it does not matter in which
-- pieces they came.
---@param deltas table<string, integer>
---@param more table<string, integer>
---@param is_coarse boolean?
---@return table<string, integer> deltas at most DELTAS_MAX, or as many as two digits make
---@return boolean? is_coarse whether they are kept to two digits
function report.add_deltas(deltas, more, is_coarse)
  for text, n in pairs(more) do
    local key = is_coarse and two_digits(text) or text
    deltas[key] = (deltas[key] or 0) + n
  end
  if is_coarse or count_of(deltas) <= DELTAS_MAX then
    return deltas, is_coarse
  end
  local coarse = {}
  for text, n in pairs(deltas) do
    local key = two_digits(text)
    coarse[key] = (coarse[key] or 0) + n
  end
  return coarse, true
end

-- The differences in ascending order, nothing among them, and how many there are.
local function ladder(group)
  local steps, counted = {}, 0
  for text, n in pairs(group.deltas) do
    local delta = tg.decimal.new(text)
    if delta ~= tg.decimal.new(0) then
      steps[#steps + 1] = { delta = delta, n = n }
      counted = counted + n
    end
  end
  local zero = group.same + group.different - counted
  if zero > 0 then
    steps[#steps + 1] = { delta = tg.decimal.new(0), n = zero }
    counted = counted + zero
  end
  table.sort(steps, function(a, b)
    return a.delta < b.delta
  end)
  return steps, counted
end

local function at_rank(steps, rank)
  for _, step in ipairs(steps) do
    rank = rank - step.n
    if rank <= 0 then
      return tostring(step.delta)
    end
  end
end

--- How far a call's price moves: of all that were compared, half at most p50, 95 of a hundred at most p95.
---@return table {min, p50, p95, max} as text; empty when nothing was compared
function report.spread(group)
  local steps, n = ladder(group)
  if n == 0 then
    return {}
  end
  return {
    min = tostring(steps[1].delta), p50 = at_rank(steps, (n + 1) // 2), p95 = at_rank(steps, (95 * n + 99) // 100),
    max = tostring(steps[#steps].delta),
  }
end

--- new − stored, and of stored how many percent; no percent of nothing.
function report.difference(stored, new)
  local difference = tg.decimal.new(new) - tg.decimal.new(stored)
  local zero = tg.decimal.new(0)
  if tg.decimal.new(stored) == zero then
    return difference, difference == zero and zero or nil
  end
  return difference, tg.decimal.div(tg.decimal.mul(difference, 100, 12, "half_up"), stored, 4, "half_up")
end

--- A group as the API shows it.
function report.show(group)
  local difference, percent = report.difference(group.stored, group.new)
  local spread = group.deltas and report.spread(group) or {}
  local null = tg.json.null
  return {
    company = group.company ~= "" and group.company or null, currency = group.currency, same = group.same,
    different = group.different, errors = group.errors, stored = tostring(group.stored), new = tostring(group.new),
    difference = tostring(difference), percent = percent and tostring(percent) or null, min = spread.min or null,
    p50 = spread.p50 or null, p95 = spread.p95 or null, max = spread.max or null,
  }
end

--- Sums groups by currency.
---@param groups table[]
---@return table[] totals groups without a company, by currency
function report.totals(groups)
  local by_currency, totals = {}, {}
  for _, group in ipairs(groups) do
    local total = by_currency[group.currency]
    if not total then
      total = { company = "", currency = group.currency, same = 0, different = 0, errors = 0,
        stored = tg.decimal.new(0), new = tg.decimal.new(0), deltas = group.deltas and {} }
      by_currency[group.currency] = total
      totals[#totals + 1] = total
    end
    for _, name in ipairs({ "same", "different", "errors" }) do
      total[name] = total[name] + group[name]
    end
    total.stored = total.stored + tg.decimal.new(group.stored)
    total.new = total.new + tg.decimal.new(group.new)
    if total.deltas and group.deltas then
      total.deltas, total.is_coarse = report.add_deltas(total.deltas, group.deltas, total.is_coarse)
    else
      total.deltas = nil
    end
  end
  table.sort(totals, function(a, b)
    return a.currency < b.currency
  end)
  return totals
end

-- Whose difference is larger comes first.
local function sort_groups(groups)
  local function size(group)
    local difference = report.difference(group.stored, group.new)
    return difference < tg.decimal.new(0) and -difference or difference
  end
  table.sort(groups, function(a, b)
    local x, y = size(a), size(b)
    if x ~= y then
      return y < x
    end
    return a.company .. a.currency < b.company .. b.currency
  end)
end

--- Adds a page of a backtest (tg.backtests.page) to what was found before. Amounts are texts: it is kept as JSON.
---@param sofar {groups: table[], samples: table[]}
function report.add_page(sofar, page)
  local by_key = {}
  for _, group in ipairs(sofar.groups) do
    by_key[group.company .. group.currency] = group
  end
  for _, more in ipairs(page.companies) do
    local group = by_key[more.company .. more.currency]
    if not group then
      group = { company = more.company, currency = more.currency, same = 0, different = 0, errors = 0, stored = "0",
        new = "0", deltas = #sofar.groups < GROUPS_MAX and {} or nil }
      sofar.groups[#sofar.groups + 1] = group
    end
    for _, name in ipairs({ "same", "different", "errors" }) do
      group[name] = group[name] + more[name]
    end
    group.stored = tostring(tg.decimal.new(group.stored) + tg.decimal.new(more.stored))
    group.new = tostring(tg.decimal.new(group.new) + tg.decimal.new(more.new))
    if group.deltas then
      group.deltas, group.is_coarse = report.add_deltas(group.deltas, more.deltas, group.is_coarse)
    end
  end
  for _, sample in ipairs(page.samples) do
    if #sofar.samples < SAMPLES_MAX then
      sofar.samples[#sofar.samples + 1] = sample
    end
  end
  return sofar
end

--- What was found by a backtest, as the API shows it.
---@param found {groups: table[], samples: table[]}
function report.of_backtest(found)
  sort_groups(found.groups)
  local answer = { totals = tg.json.array({}), companies = tg.json.array({}), samples = tg.json.array(found.samples),
    same = 0, different = 0, errors = 0 }
  for i, group in ipairs(found.groups) do
    answer.companies[i] = report.show(group)
    for _, name in ipairs({ "same", "different", "errors" }) do
      answer[name] = answer[name] + group[name]
    end
  end
  for i, total in ipairs(report.totals(found.groups)) do
    answer.totals[i] = report.show(total)
  end
  return answer
end

local function too_much(group, percent)
  local allowed = tg.decimal.div(tg.decimal.mul(group.stored, percent, 12, "down"), 100, 12, "down")
  local difference, is_percent = report.difference(group.stored, group.new)
  if difference <= allowed then
    return nil
  end
  return ("%s pays %s %s instead of %s: %s, allowed are %s %%"):format(
    group.company == "" and "usage of no company" or group.company, tostring(group.new), group.currency,
    tostring(group.stored), is_percent and "+" .. tostring(is_percent) .. " %" or "there was nothing to pay", percent
  )
end

--- Why an activation is not let through; an empty list when it is.
---@param gate {max_increase_percent: string?, max_shadow_errors: integer?, min_shadow_calls: integer?}
---@param evidence {calls: integer, errors: integer, groups: table[], is_whole: boolean}
---@return string[] reasons at most 20
function report.gate(gate, evidence)
  local reasons = tg.json.array({})
  local function add(text)
    if #reasons < 20 then
      reasons[#reasons + 1] = text
    end
  end
  if gate.min_shadow_calls and evidence.calls < gate.min_shadow_calls then
    add(("%d calls were compared, at least %d are wanted"):format(evidence.calls, gate.min_shadow_calls))
  end
  if gate.max_shadow_errors and evidence.errors > gate.max_shadow_errors then
    add(("%d calls failed, at most %d may"):format(evidence.errors, gate.max_shadow_errors))
  end
  if not gate.max_increase_percent then
    return reasons
  elseif not evidence.is_whole then
    add("there are too many companies to look at each")
  end
  for _, group in ipairs(evidence.groups) do
    local why = too_much(group, gate.max_increase_percent)
    if why then
      add(why)
    end
  end
  return reasons
end

return report
