--- What another bundle does to the money, in figures, and whether that passes a gate.
-- Pure: rows in, tables out. A *group* is what one company pays in one currency: {company, currency, same, different,
-- errors, stored, new, deltas}, where stored is what was charged, new what the other bundle says, and deltas tells how
-- often each difference of one call was seen, {["0.0012"] = 3}. Differences of nothing need not be counted there.
local report = {}

local DELTAS_MAX <const> = 200 -- distinct differences of a group; above it they are kept to two digits
local GROUPS_MAX <const> = 5000 -- whose differences are kept; of more companies only the sums
local SPREADS_MAX <const> = 100 -- groups that are shown with how their calls move: the largest differences
local SAMPLES_MAX <const> = 100

local COUNTS <const> = { "same", "different", "errors" }

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

-- new − stored.
local function difference_of(stored, new)
  return tg.decimal.new(new) - tg.decimal.new(stored)
end

-- How many percent of stored; of nothing there is none.
local function percent_of(difference, stored)
  local zero = tg.decimal.new(0)
  if tg.decimal.new(stored) == zero then
    return difference == zero and zero or nil
  end
  return tg.decimal.div(tg.decimal.mul(difference, 100, 12, "half_up"), stored, 4, "half_up")
end

--- A group as the API shows it, with how its calls move when that is known and wanted.
---@param group table
---@param with_spread boolean
function report.show(group, with_spread)
  local difference = difference_of(group.stored, group.new)
  local percent = percent_of(difference, group.stored)
  local spread = with_spread and group.deltas and report.spread(group) or {}
  local null = tg.json.null
  return {
    company = group.company ~= "" and group.company or null, currency = group.currency, same = group.same,
    different = group.different, errors = group.errors, stored = tostring(group.stored), new = tostring(group.new),
    difference = tostring(difference), percent = percent and tostring(percent) or null, min = spread.min or null,
    p50 = spread.p50 or null, p95 = spread.p95 or null, max = spread.max or null,
  }
end

-- Adds what a group says to the one of the list that has its company and currency.
local function add_group(list, index, company, more)
  local key = company .. more.currency
  local group = index[key]
  if not group then
    group = { company = company, currency = more.currency, same = 0, different = 0, errors = 0, stored = "0", new = "0",
      deltas = more.deltas and #list < GROUPS_MAX and {} or nil }
    index[key] = group
    list[#list + 1] = group
  end
  for _, name in ipairs(COUNTS) do
    group[name] = group[name] + more[name]
  end
  group.stored = tostring(tg.decimal.new(group.stored) + tg.decimal.new(more.stored))
  group.new = tostring(tg.decimal.new(group.new) + tg.decimal.new(more.new))
  if group.deltas then
    group.deltas, group.is_coarse = report.add_deltas(group.deltas, more.deltas, group.is_coarse)
  end
end

--- Sums groups by currency.
---@param groups table[]
---@return table[] totals groups without a company
function report.totals(groups)
  local totals, index = {}, {}
  for _, group in ipairs(groups) do
    add_group(totals, index, "", group)
  end
  return totals
end

-- Whose difference is larger comes first.
local function sort_groups(groups)
  local zero, size = tg.decimal.new(0), {}
  for _, group in ipairs(groups) do
    local difference = difference_of(group.stored, group.new)
    size[group] = difference < zero and -difference or difference
  end
  table.sort(groups, function(a, b)
    if size[a] ~= size[b] then
      return size[b] < size[a]
    end
    return a.company .. a.currency < b.company .. b.currency
  end)
end

--- What a backtest has found before its first page.
---@param company string
function report.nothing(company)
  return { company = company, groups = tg.json.array({}), totals = tg.json.array({}), samples = tg.json.array({}) }
end

local function index_of(groups)
  local index = {}
  for _, group in ipairs(groups) do
    index[group.company .. group.currency] = group
  end
  return index
end

--- Adds a page of a backtest (tg.backtests.page) to what was found before. Amounts are texts: it is kept as JSON.
---@param found {groups: table[], totals: table[], samples: table[]}
function report.add_page(found, page)
  local groups, totals = index_of(found.groups), index_of(found.totals)
  for _, more in ipairs(page.companies) do
    add_group(found.groups, groups, more.company, more)
    add_group(found.totals, totals, "", more)
  end
  for _, sample in ipairs(page.samples) do
    if #found.samples < SAMPLES_MAX then
      found.samples[#found.samples + 1] = sample
    end
  end
  return found
end

--- What was found by a backtest, as the API shows it.
---@param found {groups: table[], totals: table[], samples: table[]}
function report.of_backtest(found)
  sort_groups(found.groups)
  local answer = { totals = tg.json.array({}), companies = tg.json.array({}), samples = tg.json.array(found.samples) }
  for i, group in ipairs(found.groups) do
    answer.companies[i] = report.show(group, i <= SPREADS_MAX)
  end
  for _, name in ipairs(COUNTS) do
    answer[name] = 0
  end
  table.sort(found.totals, function(a, b)
    return a.currency < b.currency
  end)
  for i, total in ipairs(found.totals) do
    answer.totals[i] = report.show(total, true)
    for _, name in ipairs(COUNTS) do
      answer[name] = answer[name] + total[name]
    end
  end
  return answer
end

local function name_of(group)
  return group.company == "" and "usage of no company" or group.company
end

local function too_much(group, percent)
  if group.errors > 0 and group.same + group.different == 0 then
    local says <const> = "%s: each of its calls in %s failed, so what it would pay is not known"
    return says:format(name_of(group), group.currency)
  end
  local allowed = tg.decimal.div(tg.decimal.mul(group.stored, percent, 12, "down"), 100, 12, "down")
  local difference = difference_of(group.stored, group.new)
  if difference <= allowed then
    return nil
  end
  local is_percent = percent_of(difference, group.stored)
  return ("%s pays %s %s instead of %s: %s, allowed are %s %%"):format(
    name_of(group), tostring(group.new), group.currency, tostring(group.stored),
    is_percent and "+" .. tostring(is_percent) .. " %" or "there was nothing to pay", percent
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
  local calls_min = gate.min_shadow_calls or 1 -- where nothing was compared, nothing is known
  if evidence.calls < calls_min then
    add(("%d calls were compared, at least %d are wanted"):format(evidence.calls, calls_min))
  end
  if gate.max_shadow_errors and evidence.errors > gate.max_shadow_errors then
    add(("%d of the calls failed, at most %d may"):format(evidence.errors, gate.max_shadow_errors))
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
