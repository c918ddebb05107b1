--- Why an event costs what it costs, in words and figures.
-- Every usage line is computed again from what was stored with it; `agrees` says whether the same figure comes out.
local explain = {}

local MODE_WORDS <const> = {
  half_up = "rounded half up", half_even = "rounded half to even", up = "rounded up", down = "rounded down",
}

local function usage_amount(line, plan)
  local exact = tg.decimal.muldiv(tg.decimal.new(line.per_minute), line.seconds, 60, 12, "half_up")
  local amount = tg.decimal.muldiv(tg.decimal.new(line.per_minute), line.seconds, 60, plan.places, plan.mode)
  return amount, amount ~= exact
end

local function usage_text(line, plan)
  local amount, rounded = usage_amount(line, plan)
  return ("seconds %d to %d at %s a minute (prefix %s): %d × %s ÷ 60 = %s%s"):format(
    line.from_s, line.from_s + line.seconds, tostring(line.per_minute), tostring(line.prefix), line.seconds,
    tostring(line.per_minute), tostring(amount),
    rounded and (", %s to %d places"):format(MODE_WORDS[plan.mode], plan.places) or ""
  )
end

-- Of a line by a price: quantity × unit amount ÷ per; nil where the quantity is not whole.
local function priced_amount(line, plan)
  local digits = tostring(line.quantity):match("^%d+$")
  local whole = digits and math.tointeger(tonumber(digits))
  local unit = tg.decimal.new(tostring(line.unit_amount))
  return whole and tg.decimal.muldiv(unit, whole, line.per or 1, plan.places, plan.mode)
end

local function priced_text(line)
  local per = line.per and (" ÷ %d"):format(line.per) or ""
  local note = line.note and (" (%s)"):format(line.note) or ""
  return ("%s: %s × %s%s = %s%s"):format(
    line.meter or line.kind, tostring(line.quantity), tostring(line.unit_amount), per, tostring(line.amount), note
  )
end

local TEXT <const> = {
  usage = usage_text,
  connect = function(line)
    return ("connect fee: %s"):format(tostring(line.amount))
  end,
  bundle = function(line)
    return ("seconds %d to %d from the allowance %s: free"):format(
      line.from_s, line.from_s + line.seconds, tostring(line.bundle)
    )
  end,
  min = function(line)
    return ("up to the minimum charge: %s"):format(tostring(line.amount))
  end,
  cap = function(line)
    return ("down to the maximum charge: %s"):format(tostring(line.amount))
  end,
}

local REASONS <const> = {
  not_billable = "Not billable: the call was not answered, or had no duration above the grace period.",
  no_rate = "No rate: the deck has no row for this number at this time, or the number is not one of E.164.",
  blocked = "Blocked: the destination is barred in the deck.",
  unrated = "Not rated yet: there is no price for this meter.",
  failed = "The pricing rule failed. Nothing was charged; the event waits for review.",
}

local function sum_text(amounts, total)
  if #amounts < 2 then
    return nil
  end
  return table.concat(amounts, " + ") .. " = " .. total
end

--- Explains a rated row.
---@param row table of store.usage
---@return {arithmetic: string[], agrees: boolean}
function explain.row(row)
  local rating = row.rating or {}
  local stored = rating.plan or {} -- as it was then, not as the company has it now
  local plan = { places = stored.charge_decimals or 6, mode = stored.rounding or "half_up" }
  local texts, amounts, agrees, sum = tg.json.array({}), {}, true, tg.decimal.new(0)
  if row.status ~= "rated" then
    texts[1] = REASONS[row.status]
    return { arithmetic = texts, agrees = true }
  end
  for i, line in ipairs(rating.lines or {}) do
    local write = line.quantity and priced_text or TEXT[line.kind]
    texts[i] = write and write(line, plan) or ("%s: %s"):format(tostring(line.kind), tostring(line.amount))
    local amount = tg.decimal.new(tostring(line.amount))
    local again = line.kind == "usage" and usage_amount(line, plan) or line.quantity and priced_amount(line, plan)
    agrees = agrees and (not again or again == amount)
    sum = sum + amount
    amounts[i] = tostring(amount)
  end
  texts[#texts + 1] = sum_text(amounts, tostring(sum))
  return { arithmetic = texts, agrees = agrees and sum == row.amount }
end

return explain
