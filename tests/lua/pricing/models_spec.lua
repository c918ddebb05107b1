-- The pricing models against walks that take one unit after the other in integers, for prices that chance made.
local has_caps, rulebox = pcall(require, "core.rulebox")
if not has_caps then
  describe("pricing models", function()
    pending("tgcaps.so is not built: " .. tostring(rulebox):match("^[^\n]*"))
  end)
  return
end

local ROUNDS <const> = 500

-- A generator of our own: the same prices on every machine.
local seed = 19541
local function chance(n)
  seed = (seed * 1103515245 + 12345) % 2147483648
  return seed // 65536 % n
end
local function one_of(list)
  return list[chance(#list) + 1]
end

local function millionths(n)
  return ("%s%d.%06d"):format(n < 0 and "-" or "", math.abs(n) // 1000000, math.abs(n) % 1000000)
end

local function shortest(n)
  local text = millionths(n):gsub("0+$", ""):gsub("%.$", "")
  return text == "-0" and "0" or text
end

local function random_tiers()
  local tiers, up_to = {}, 0
  for i = 1, 1 + chance(4) do
    up_to = up_to + 1 + chance(60)
    tiers[i] = { up_to = up_to, price = chance(2000000), flat = chance(3) == 0 and chance(5000000) or nil }
  end
  tiers[#tiers].up_to = nil
  return tiers
end

local function as_prices(tiers, with_flat)
  local prices = {}
  for i, tier in ipairs(tiers) do
    local flat = with_flat and tier.flat
    prices[i] = { up_to = tier.up_to, price = millionths(tier.price), flat = flat and millionths(flat) or nil }
  end
  return prices
end

local function tier_of(tiers, unit)
  for i, tier in ipairs(tiers) do
    if tier.up_to == nil or unit <= tier.up_to then
      return i
    end
  end
end

describe("pricing models", function()
  local rate = rulebox.load("lua", "pricing/rules.lua")["pricing.rate_usage"]

  -- The result of a quantity of a meter m by a price; meters is what the period remembers.
  local function charge(price, quantity, meters, period, plan)
    local input = {
      event = {
        event_id = "e", meter = "m", quantity = quantity, status = "answered", event_time = 0, answered_at = 0,
        duration_ms = 0,
      },
      plan = plan or {}, state = { meters = meters, period = period },
    }
    input.plan.prices = { m = price }
    local result = rate.decide(input)
    local sum
    for _, line in ipairs(result.lines) do
      sum = sum and sum + line.amount or line.amount
    end
    assert.equal(tostring(sum or 0), tostring(result.total))
    return result
  end

  -- Charges a period event by event; gives the sum in texts and what the period remembers in the end.
  local function charge_all(price, events)
    local meters, total = {}, nil
    for _, quantity in ipairs(events) do
      local result = charge(price, quantity, meters)
      meters, total = result.meters, total and total + result.total or result.total
    end
    return tostring(total), meters
  end

  local function random_events()
    local events, sum = {}, 0
    for i = 1, 1 + chance(6) do
      events[i] = chance(60)
      sum = sum + events[i]
    end
    return events, sum
  end

  it("graduated: costs each unit what its tier says, however the period is cut into events", function()
    for _ = 1, ROUNDS do
      local tiers, want = random_tiers(), 0
      local events, units = random_events()
      for unit = 1, units do
        local i = tier_of(tiers, unit)
        local is_first = unit == 1 or tier_of(tiers, unit - 1) ~= i
        want = want + tiers[i].price + (is_first and tiers[i].flat or 0)
      end
      local price = { model = "graduated", tiers = as_prices(tiers, true) }
      assert.equal(shortest(want), (charge_all(price, events)))
    end
  end)

  it("volume: with the true-up costs every unit what the sum has reached", function()
    local true_up = rulebox.load("lua", "pricing/rules.lua")["pricing.true_up"]
    for _ = 1, ROUNDS do
      local tiers = random_tiers()
      local events, units = random_events()
      local price, want, at = { model = "volume", tiers = as_prices(tiers) }, 0, 0
      for _, quantity in ipairs(events) do
        at = at + quantity
        want = want + quantity * tiers[tier_of(tiers, at)].price
      end
      local charged = charge_all(price, events)
      assert.equal(shortest(want), charged)
      local result = true_up.decide({ price = price, quantity = units, charged = charged })
      local should_be = units * tiers[tier_of(tiers, units)].price
      assert.equal(shortest(should_be), tostring(result.should_be))
      assert.equal(shortest(should_be - want), tostring(result.adjustment))
    end
  end)

  it("package: pays for a package with the first unit in it", function()
    for _ = 1, ROUNDS do
      local size, each = 1 + chance(40), chance(9000000)
      local events, units = random_events()
      local want = 0
      for unit = 1, units do
        want = want + ((unit - 1) % size == 0 and each or 0)
      end
      local price = { model = "package", size = size, price = millionths(each) }
      assert.equal(shortest(want), (charge_all(price, events)))
    end
  end)

  it("included: takes the oldest unit first, and none that has expired, as a queue of single units does", function()
    for _ = 1, ROUNDS do
      local granted, periods, max = chance(20), chance(3), one_of({ 7, 30, false })
      local price = {
        model = "included", quantity = granted, over = { model = "per_unit", price = "1" },
        rollover = { periods = periods, max = max or nil },
      }
      local queue, meters = {}, {}
      for period = 1, 8 do
        for i = #queue, 1, -1 do
          if queue[i] < period then
            table.remove(queue, i)
          end
        end
        while max and #queue > max do
          table.remove(queue, 1)
        end
        for _ = 1, granted do
          queue[#queue + 1] = period + periods
        end
        if chance(4) > 0 then -- a period may pass without an event
          local used = chance(40)
          local result = charge(price, used, meters, period)
          for _ = 1, math.min(used, #queue) do
            table.remove(queue, 1)
            used = used - 1
          end
          assert.equal(tostring(used), tostring(result.total))
          meters = result.meters
        elseif meters.m == nil then
          queue = {} -- it begins with the first event
        end
      end
    end
  end)

  it("rounds a price for many once, also when the quantity has a fraction", function()
    local per_unit = { model = "per_unit", price = "0.01", per = 3 }
    assert.equal("0.003333", tostring(charge(per_unit, 1).total))
    assert.equal("0.008333", tostring(charge(per_unit, "2.5").total))
    assert.equal("0.000002", tostring(charge({ model = "per_unit", price = "2", per = 1000000 }, 1).total))
    local cents = { charge_decimals = 2, rounding = "up" }
    assert.equal("0.01", tostring(charge(per_unit, "0.000000000001", nil, nil, cents).total))
  end)

  it("says which price is not one", function()
    local cases = {
      { { model = "magic" }, 1, "no pricing model 'magic'" },
      { { model = "terms" }, 1, "no pricing model 'terms'" },
      { {}, 1, "no pricing model 'nil'" },
      { { model = "per_unit" }, 1, "per_unit needs 'price'" },
      { { model = "per_unit", price = "1", per = 0 }, 1, "per must be" },
      { { model = "per_unit", price = "1", per = 2000000 }, 1, "per must be" },
      { { model = "per_unit", price = "cheap" }, 1, "decimal" },
      { { model = "per_seat", price = "1" }, "1.5", "seats must be a whole number, not 1.5" },
      { { model = "package", price = "1", size = 0 }, 1, "above 0" },
      { { model = "graduated", tiers = { { price = "1" }, { price = "2" } } }, 1, "needs 'up_to'" },
      { { model = "included", quantity = 1 }, 2, "no pricing model 'nil'" },
      { { model = "percentage", rate = "100", of = "cost" }, 1, "m is priced by its cost, and has none" },
      { { model = "flat", amount = "1" }, "-1", "is negative" },
    }
    for _, case in ipairs(cases) do
      assert.error_matches(function()
        charge(case[1], case[2])
      end, case[3], 1, true)
    end
  end)

  it("says which pack is none", function()
    assert.error_matches(function()
      charge({ model = "flat", amount = "1" }, 1, nil, nil, { pack = "lines" })
    end, "there is no price pack 'lines'", 1, true)
  end)

  it("leaves what it is given as it was", function()
    local price = { model = "included", quantity = 5, over = { model = "graduated", tiers = { { price = "1" } } } }
    local meters = { m = { period = 0, lots = { { last = 0, of = 5, used = 0 } }, over = { quantity = 3 } } }
    local first = charge(price, 7, meters, 0)
    local second = charge(price, 7, meters, 0)
    assert.equal(0, meters.m.lots[1].used)
    assert.equal(3, meters.m.over.quantity)
    assert.equal(tostring(first.total), tostring(second.total))
    assert.equal("5", tostring(first.meters.m.over.quantity))
  end)
end)

describe("how long the money lasts", function()
  local rate = rulebox.load("lua", "pricing/rules.lua")["pricing.rate_usage"]
  local quote = rulebox.load("lua", "charging/rules.lua")["charging.quote"]
  local decimal = rulebox.tgcaps.new({ base = {}, string = {} }):cap("decimal")
  local AT <const> = rulebox.time("2026-07-15T10:00:00Z")

  local function random_deck()
    return {
      {
        prefix = "1", per_minute = millionths(1 + chance(200000)), connect_fee = millionths(chance(3) * 1000),
        initial_s = one_of({ 1, 6, 30, 60 }), increment_s = one_of({ 1, 6, 60 }), min_s = one_of({ 0, 45 }),
      },
    }
  end

  local function rate_seconds(seconds, deck, plan, state)
    local event = { event_id = "e", to = "+12125550100", status = "answered", answered_at = AT }
    event.duration_ms = seconds * 1000
    return rate.decide({ event = event, plan = plan, state = state }, { deck = deck })
  end

  -- The longest billed length up to 130 s, second by second.
  local function longest(deck, plan, state, available)
    local billed_s = 0
    for second = 1, 130 do
      local result = rate_seconds(second, deck, plan, state)
      billed_s = result.total <= decimal.new(available) and result.billed_s or billed_s
    end
    return billed_s
  end

  it("is the longest call that is not dearer, as going second by second finds it", function()
    for i = 1, 60 do
      local deck, available = random_deck(), millionths(chance(30000))
      local state = { bundles = { { id = "b", remaining_s = chance(40) } } }
      local plan = { bundle_partial = one_of({ "split", "whole_block" }), max_charge = one_of({ "0.02", "9" }) }
      if i % 2 == 0 then -- to the last digit what so many seconds cost
        available = tostring(rate_seconds(1 + chance(130), deck, plan, state).total)
      end
      local result = quote.decide({
        call = { call_id = "c", to = "+12125550100", at = AT }, plan = plan, state = state, answered_at = AT,
        requested_s = 130, available = available,
      }, { deck = deck })
      assert.equal(longest(deck, plan, state, available), result.max_s)
    end
  end)
end)
