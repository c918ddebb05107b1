--- Shapes of the requests about wallets.
local page = require("core.page")
local v = require("core.validate")

local schema = {}

schema.LEVELS_MAX = 10

local function not_zero(amount, pointer, faults)
  if amount:find("^%-?[0.]+$") then
    faults[#faults + 1] = { pointer = pointer, detail = "must not be zero" }
  end
end

local amount <const> = v.described(v.also(v.decimal(), not_zero), "in the wallet's currency, above zero")
local payable <const> = v.described(amount, "in the wallet's currency, above zero, with its places and no more")

schema.wallet_list = page.query({
  company = v.optional(v.id("co")),
  currency = v.optional(v.currency()),
})

schema.credit_limit = v.object({ amount = v.described(v.decimal(), "in the wallet's currency") })

schema.entry_list = page.query({})

schema.topup = v.object({
  amount = payable,
  reference = v.described(v.string({ min = 1, max = 100 }), "of the transfer, as the bank says it"),
  note = v.optional(v.string({ min = 1, max = 150 })),
})

schema.credit = v.object({
  amount = amount,
  priority = v.optional(v.described(v.integer(-1000, 1000), "smaller is spent first; 0 when it is not given")),
  expires_at = v.optional(v.described(v.time(), "what is left then is taken back; without: never")),
  note = v.optional(v.string({ min = 1, max = 255 })),
})

schema.credit_list = page.query({})

schema.correction = v.object({
  amount = v.described(v.also(v.signed_decimal(), not_zero), "in the wallet's currency; below zero takes money out"),
  reason = v.string({ min = 3, max = 255 }),
})

return schema
