--- Shapes of a company's prices, as it is given them (lib/terms.lua, lib/metered.lua). Only models that need no memory
-- of the period: tiers, volumes, commitments and included quantities come with plans, which keep one.
local v = require("core.validate")

local schema = {}

--- What a price of the model cannot do without.
local NEEDS <const> = {
  flat = { "amount" }, per_unit = { "price" }, package = { "price", "size" }, percentage = { "rate" },
}

local price <const> = v.also(v.object({
  model = v.enum({ "flat", "per_unit", "package", "percentage" }),
  amount = v.optional(v.decimal()),
  price = v.optional(v.decimal()),
  per = v.optional(v.integer(1, 1000000)),
  size = v.optional(v.integer(1, 1 << 40)),
  rate = v.optional(v.decimal()),
  fixed = v.optional(v.decimal()),
  min = v.optional(v.decimal()),
  max = v.optional(v.decimal()),
  of = v.optional(v.enum({ "cost" })),
  initial_s = v.optional(v.integer(1, 86400)),
  increment_s = v.optional(v.integer(1, 86400)),
  min_s = v.optional(v.integer(0, 86400)),
}), function(clean, pointer, faults)
  for _, field in ipairs(NEEDS[clean.model]) do
    if clean[field] == nil then
      local detail <const> = "is what a price of the model %s needs"
      faults[#faults + 1] = { pointer = pointer .. "/" .. field, detail = detail:format(clean.model) }
    end
  end
end)

--- {[meter] = price}
schema.prices = v.map({
  pattern = "^[a-z0-9][a-z0-9._-]*$", regex = "^[a-z0-9][a-z0-9._-]*$",
  says = "a meter is written with a-z, 0-9, '.', '_' and '-', such as llm.tokens.in",
}, price, 100)

schema.pack = v.enum({ "vapi", "retell", "bland", "twilio" })

schema.pack_options = v.object({
  plan = v.optional(v.enum({ "start", "build", "scale" })),
  own_carrier = v.optional(v.boolean()),
  per_minute = v.optional(v.map({
    pattern = "^[a-z][a-z0-9_]*$", regex = "^[a-z][a-z0-9_]*$",
    says = "a part's name is lower-case letters, digits and _",
  }, v.decimal(), 20)),
})

--- What a pack cannot do without.
function schema.check_pack(pricing, pointer, faults)
  local options = pricing.pack_options or {}
  if pricing.pack == "retell" and next(options.per_minute or {}) == nil then
    local detail <const> = "is what the pack retell needs: the price of a minute for each part"
    faults[#faults + 1] = { pointer = pointer .. "/pack_options/per_minute", detail = detail }
  end
end

return schema
