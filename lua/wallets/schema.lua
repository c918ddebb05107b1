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

local reference <const> = v.described(v.string({ min = 1, max = 100 }), "of the transfer, as the bank says it")

schema.topup = v.object({
  amount = payable,
  reference = reference,
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

schema.levels = v.object({
  amounts = v.described(v.list(v.signed_decimal(), { max = schema.LEVELS_MAX }), "balances, in the wallet's currency"),
})

schema.auto_topup = v.object({
  enabled = v.boolean(),
  threshold = v.described(v.signed_decimal(), "below it money is wanted"),
  amount = payable,
  monthly_max = v.nullable(v.described(amount, "in a month of the company's zone")),
})

schema.order_list = page.query({})

schema.settlement = v.object({
  reference = reference,
  note = v.optional(v.string({ min = 1, max = 150 })),
})

schema.failure = v.object({ reason = v.string({ min = 3, max = 255 }) })

schema.FORMATS = { "json", "csv" }
schema.statement = {
  from = v.optional(v.described(v.time(), "31 days before `to`, when it is not given")),
  to = v.optional(v.described(v.time(), "not part of it; now, when it is not given")),
  format = v.optional(v.enum(schema.FORMATS)),
}

return schema
