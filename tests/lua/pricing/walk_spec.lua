-- The rule takes a call in runs of blocks; here every block is walked by itself, slowly, in integers of a millionth,
-- and both must say the same of calls, decks and plans that chance made.
local has_caps, rulebox = pcall(require, "core.rulebox")
if not has_caps then
  describe("pricing against a slow walk", function()
    pending("tgcaps.so is not built: " .. tostring(rulebox):match("^[^\n]*"))
  end)
  return
end

local CALLS <const> = 2000
local SECOND_US <const> = 1000000
local DAY_S <const> = 86400
local NOON <const> = rulebox.time("2026-07-15T12:00:00Z") -- a Wednesday
local UNIT <const> = { [2] = 10000, [4] = 100, [6] = 1 } -- millionths in the last place of a line
local MODES <const> = { "half_up", "half_even", "up", "down" }

-- A generator of our own: the same calls on every machine.
local seed = 20261122
local function chance(n)
  seed = (seed * 1103515245 + 12345) % 2147483648
  return seed // 65536 % n
end
local function one_of(list)
  return list[chance(#list) + 1]
end

local function millionths(n)
  return ("%d.%06d"):format(n // 1000000, n % 1000000)
end

local function shortest(text)
  return (text:gsub("0+$", ""):gsub("%.$", ""))
end

-- Never two rows with the same prefix, window and beginning.
local function random_deck()
  local deck, seen = {}, {}
  for _ = 1, 1 + chance(6) do
    local row = {
      prefix = one_of({ "1", "1", "12", "1212" }), price = chance(200000), fee = chance(3) == 0 and chance(50000) or 0,
      initial_s = one_of({ 1, 6, 30, 60, 61 }), increment_s = one_of({ 1, 6, 7, 60 }),
      min_s = one_of({ 0, 0, 45, 120 }), window = one_of({ "", "", "peak", "late" }), blocked = chance(12) == 0,
      from = chance(2) == 0 and NOON + (chance(7200) - 3600) * SECOND_US or nil,
    }
    row.to = chance(3) == 0 and (row.from or NOON) + (1 + chance(5000)) * SECOND_US or nil
    if chance(3) == 0 then
      row.steps = { { after_s = 1 + chance(100), price = chance(100000) }, { after_s = 200, price = chance(100000) } }
    end
    local key = row.prefix .. "/" .. row.window .. "/" .. tostring(row.from)
    if not seen[key] then
      seen[key] = true
      deck[#deck + 1] = row
    end
  end
  return deck
end

local function random_plan()
  local plan = {
    charge_decimals = one_of({ 2, 4, 6 }), rounding = one_of(MODES), rate_at = one_of({ "split", "split", "start" }),
    windows = {
      peak = { days = { 1, 2, 3, 4, 5 }, from = "08:00", to = "12:10" },
      late = { from = "12:05", to = "11:58", priority = 3 },
    },
    timezone = "UTC",
  }
  if chance(4) == 0 then
    plan.tiers = { { up_to_s = 1 + chance(300), price = chance(90000) }, { price = chance(90000) } }
  end
  return plan
end

-- --- the slow walk

local function is_open(window, at_us)
  local second = at_us // SECOND_US % DAY_S
  if window == "" then
    return true, 0
  elseif window == "peak" then
    return second >= 8 * 3600 and second < 12 * 3600 + 600, 1 -- all of it is on a Wednesday
  end
  return second >= 12 * 3600 + 300 or second < 11 * 3600 + 58 * 60, 3
end

local function find(deck, at_us)
  local best, best_rank
  for _, row in ipairs(deck) do
    local open, priority = is_open(row.window, at_us)
    if open and at_us >= (row.from or math.mininteger) and at_us < (row.to or math.maxinteger) then
      local rank = { #row.prefix, priority, row.from or math.mininteger }
      local better = best == nil
      for i = 1, 3 do
        if not better and rank[i] ~= best_rank[i] then
          better = rank[i] > best_rank[i]
          break
        end
      end
      if better then
        best, best_rank = row, rank
      end
    end
  end
  return best
end

local function divide(n, by, mode)
  local whole, rest = n // by, n % by
  local up = mode == "up" and rest > 0 or mode == "half_up" and 2 * rest >= by
    or mode == "half_even" and (2 * rest > by or 2 * rest == by and whole % 2 == 1)
  return up and whole + 1 or whole
end

local function price_of(row, at_s)
  local price = row.price
  for _, step in ipairs(row.steps or {}) do
    price = at_s >= step.after_s and step.price or price
  end
  return price
end

local function tier_price(tiers, charged_s)
  return charged_s < tiers[1].up_to_s and tiers[1].price or tiers[2].price
end

-- One second of a block after the other.
local function add_block(lines, row, at_s, block_s, plan)
  for second = 0, block_s - 1 do
    local price = plan.tiers and tier_price(plan.tiers, at_s + second) or price_of(row, at_s)
    local last = lines[#lines]
    if last and last.row == row and last.price == price then
      last.seconds = last.seconds + 1
    else
      lines[#lines + 1] = { row = row, price = price, seconds = 1 }
    end
  end
end

local function walk(deck, plan, answered_at, duration_ms)
  local row = find(deck, answered_at)
  if row == nil then
    return "no_rate", 0, 0
  elseif row.blocked then
    return "blocked", 0, 0
  end
  local unit = 60 * UNIT[plan.charge_decimals]
  local total = divide(row.fee, unit // 60, plan.rounding)
  local end_s, at_s, lines = math.max((duration_ms + 999) // 1000, row.min_s), 0, {}
  while at_s < end_s do
    local found = plan.rate_at == "split" and find(deck, answered_at + at_s * SECOND_US)
    row = found and not found.blocked and found or row
    local block_s = at_s == 0 and row.initial_s or row.increment_s
    add_block(lines, row, at_s, block_s, plan)
    at_s = at_s + block_s
  end
  for _, line in ipairs(lines) do
    total = total + divide(line.price * line.seconds, unit, plan.rounding)
  end
  return "rated", at_s, total
end

-- --- the rule

local function as_deck(deck)
  local rows = {}
  for i, row in ipairs(deck) do
    local steps
    for k, step in ipairs(row.steps or {}) do
      steps = steps or {}
      steps[k] = { after_s = step.after_s, per_minute = millionths(step.price) }
    end
    rows[i] = {
      prefix = row.prefix, per_minute = millionths(row.price), connect_fee = millionths(row.fee),
      initial_s = row.initial_s, increment_s = row.increment_s, min_s = row.min_s, blocked = row.blocked,
      when = row.window ~= "" and row.window or nil, from = row.from, to = row.to, steps = steps,
    }
  end
  return rows
end

local function as_plan(plan)
  local copy = {}
  for key, value in pairs(plan) do
    copy[key] = value
  end
  if plan.tiers then
    copy.tiers = {}
    for i, tier in ipairs(plan.tiers) do
      copy.tiers[i] = { up_to_s = tier.up_to_s, per_minute = millionths(tier.price) }
    end
  end
  return copy
end

describe("pricing", function()
  local rate = rulebox.load("lua", "pricing/rules.lua")["pricing.rate_usage"]

  it("gives what a walk second by second gives, for 2,000 calls that chance made", function()
    local seen = {}
    for i = 1, CALLS do
      local deck, plan = random_deck(), random_plan()
      local answered_at = NOON + (chance(1500) - 700) * SECOND_US + chance(1000) * 1000
      local duration_ms = 1 + chance(900000)
      local result = rate.decide({
        event = { event_id = "e", to = "+12125550100", status = "answered", answered_at = answered_at,
          duration_ms = duration_ms },
        plan = as_plan(plan),
      }, { deck = as_deck(deck) })
      local status, billed_s, total = walk(deck, plan, answered_at, duration_ms)
      local amount = shortest(millionths(total * UNIT[plan.charge_decimals]))
      local got = ("%s %d %s"):format(result.status, result.billed_s, tostring(result.total))
      assert.equal(("%s %d %s"):format(status, billed_s, amount), got, "call " .. i)
      seen[status] = (seen[status] or 0) + 1
    end
    assert.is_true(seen.rated > CALLS / 3 and seen.blocked > 20 and seen.no_rate > 20)
  end)
end)
