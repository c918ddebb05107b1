--- Shapes of a company's prices, as it is given them (lib/terms.lua, lib/metered.lua). What a model remembers of the
-- period the ledger engine keeps; commitments, which are charged at its end, come with invoices.
local v = require("core.validate")

local schema = {}

--- What a price of the model cannot do without.
local NEEDS <const> = {
  flat = { "amount" }, per_unit = { "price" }, package = { "price", "size" }, percentage = { "rate" },
  graduated = { "tiers" }, volume = { "tiers" }, included = { "quantity", "over" },
}

local function check_tiers(tiers, pointer, faults)
  local last = tg.decimal.new(0)
  for i, tier in ipairs(tiers) do
    local up_to, at = tier.up_to and tg.decimal.new(tier.up_to), ("%s/%d/up_to"):format(pointer, i - 1)
    if (up_to == nil) ~= (i == #tiers) then
      faults[#faults + 1] = { pointer = at, detail = "only the last tier is without an end, and it must be" }
    elseif up_to and up_to <= last then
      faults[#faults + 1] = { pointer = at, detail = "must be above the tier before" }
    end
    last = up_to or last
  end
end

local tiers <const> = v.also(v.list(v.object({
  up_to = v.optional(v.described(v.decimal(), "of the period; the last tier has none")),
  price = v.decimal(),
  flat = v.optional(v.described(v.decimal(), "once, with the first unit of a graduated tier")),
}), { min = 1, max = 50 }), check_tiers)

local function check_needs(clean, pointer, faults)
  for _, field in ipairs(NEEDS[clean.model]) do
    if clean[field] == nil then
      local detail <const> = "is what a price of the model %s needs"
      faults[#faults + 1] = { pointer = pointer .. "/" .. field, detail = detail:format(clean.model) }
    end
  end
end

--- What is above an included quantity.
local over <const> = v.also(v.object({
  model = v.enum({ "per_unit", "package", "graduated", "volume" }),
  price = v.optional(v.decimal()),
  per = v.optional(v.integer(1, 1000000)),
  size = v.optional(v.integer(1, 1 << 40)),
  tiers = v.optional(tiers),
}), check_needs)

local price <const> = v.also(v.object({
  model = v.enum({ "flat", "per_unit", "package", "percentage", "graduated", "volume", "included" }),
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
  tiers = v.optional(tiers),
  quantity = v.optional(v.described(v.decimal(), "that is free in each month")),
  over = v.optional(over),
  rollover = v.optional(v.object({
    periods = v.described(v.integer(1, 24), "in which what is left may still be used"),
    max = v.optional(v.described(v.decimal(), "that is carried into a month")),
  })),
  shares = v.optional(v.described(v.string({ min = 1, max = 64 }), "prices of one name count together")),
}), check_needs)

local METER <const> = {
  pattern = "^[a-z0-9][a-z0-9._-]*$", regex = "^[a-z0-9][a-z0-9._-]*$",
  says = "a meter is written with a-z, 0-9, '.', '_' and '-', such as llm.tokens.in",
}

--- {[meter] = price}
schema.prices = v.map(METER, price, 100)

--- {[meter] = quantity}: what a minute of a live call uses of it, for the hold (the rule charging.quote).
schema.expected = v.map(METER, v.decimal(), 100)

schema.pack = v.enum({ "vapi", "retell", "bland", "twilio" })

schema.pack_options = v.object({
  plan = v.optional(v.enum({ "start", "build", "scale" })),
  own_carrier = v.optional(v.boolean()),
  per_minute = v.optional(v.map({
    pattern = "^[a-z][a-z0-9_]*$", regex = "^[a-z][a-z0-9_]*$",
    says = "a part's name is lower-case letters, digits and _",
  }, v.decimal(), 20)),
})

local DATA_MAX <const> = { depth = 6, values = 1000, bytes = 16384, name = 64 }

-- Counts what is in a value, and says what a rule could not read.
local function check_data(value, pointer, faults, depth, seen)
  seen.values, seen.bytes = seen.values + 1, seen.bytes + (type(value) == "string" and #value or 0)
  if type(value) == "table" and depth < DATA_MAX.depth then
    for name, element in pairs(value) do
      local at = ("%s/%s"):format(pointer, math.type(name) and name - 1 or name)
      if #tostring(name) > DATA_MAX.name or name == "" then
        faults[#faults + 1] = { pointer = pointer, detail = "has a name that is empty, or longer than 64 characters" }
      elseif seen.values <= DATA_MAX.values then
        seen.bytes = seen.bytes + #tostring(name)
        check_data(element, at, faults, depth + 1, seen)
      end
    end
  elseif type(value) == "table" then
    faults[#faults + 1] = { pointer = pointer, detail = "is too deep: at most 6 levels" }
  elseif type(value) ~= "string" and type(value) ~= "boolean" and math.type(value) ~= "integer" then
    local detail <const> = 'is null or a fraction: leave it out, or write it as a text such as "0.5"'
    faults[#faults + 1] = { pointer = pointer, detail = detail }
  end
end

--- Data for rules of one's own, which find it in plan.parameters: what differs from company to company.
schema.parameters = v.shape({
  type = "object", maxProperties = DATA_MAX.values, examples = { { sunday_max = "0.50" } },
  description = "for rules of one's own (plan.parameters): texts, whole numbers, booleans, lists and objects; at most "
    .. "6 levels, 1000 values and 16 KiB",
}, function(value, pointer, faults)
  if type(value) ~= "table" or #value > 0 or tg.json.is_array(value) then
    faults[#faults + 1] = { pointer = pointer, detail = "must be an object" }
    return nil
  end
  local seen <const> = { values = 0, bytes = 0 }
  check_data(value, pointer, faults, 0, seen)
  if seen.values > DATA_MAX.values or seen.bytes > DATA_MAX.bytes then
    faults[#faults + 1] = { pointer = pointer, detail = "must have at most 1000 values and 16 KiB" }
  end
  return value
end)

--- What a pack cannot do without.
function schema.check_pack(pricing, pointer, faults)
  local options = pricing.pack_options or {}
  if pricing.pack == "retell" and next(options.per_minute or {}) == nil then
    local detail <const> = "is what the pack retell needs: the price of a minute for each part"
    faults[#faults + 1] = { pointer = pointer .. "/pack_options/per_minute", detail = detail }
  end
end

return schema
