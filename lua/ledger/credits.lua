--- Which part of a wallet's balance goes first.
-- A credit is a part of the balance with a purpose and, mostly, an end. What is over is broken before anything else,
-- as far as nothing needs it: open holds and a debt do. Then a charge draws from credits by priority, by expiry and by
-- age, also from what is over and could not be broken; what no credit covers is the rest of the balance. Pure. The
-- engine does the same in C (src/charge/credits.h); tests/golden/credits.json is tried on both.
local credits = {}

local ZERO <const> = tg.decimal.new(0)

local function is_before(a, b)
  if a.priority ~= b.priority then
    return a.priority < b.priority
  elseif a.expires_at ~= b.expires_at then
    return b.expires_at == nil or (a.expires_at ~= nil and a.expires_at < b.expires_at)
  end
  return a.id < b.id
end

---@class (exact) ledger.Credit
---@field id string
---@field priority integer
---@field expires_at integer?
---@field remaining decimal

-- Takes from the credits, in their order, until `amount` is there.
local function take(list, amount, may)
  table.sort(list, is_before)
  local draws, total = {}, ZERO
  for _, credit in ipairs(list) do
    local wanted = amount - total
    if wanted > ZERO and credit.remaining > ZERO and may(credit) then
      local part = wanted < credit.remaining and wanted or credit.remaining
      credit.remaining, total = credit.remaining - part, total + part
      draws[#draws + 1] = { credit = credit.id, amount = part, remaining = credit.remaining }
    end
  end
  return draws, total
end

--- What a charge draws.
---@param list ledger.Credit[] of one wallet; what remains of each is less afterwards
---@param amount decimal above zero
---@return {credit: string, amount: decimal, remaining: decimal}[] draws, decimal total
function credits.draw(list, amount)
  return take(list, amount, function()
    return true
  end)
end

--- Breaks what is over.
---@param list ledger.Credit[]
---@param available decimal balance, credit limit and holds taken together
---@param now integer
---@return {credit: string, amount: decimal, remaining: decimal}[] draws, decimal total
function credits.expire(list, available, now)
  return take(list, available, function(credit)
    return credit.expires_at ~= nil and credit.expires_at <= now
  end)
end

return credits
