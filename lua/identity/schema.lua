--- Shapes of the identity requests.
local origins = require("identity.origins")
local page = require("core.page")
local permissions = require("identity.permissions")
local policies = require("policies.schema")
local prices = require("pricing.schema")
local v = require("core.validate")

local schema = {}

local name <const> = v.string({ min = 1, max = 200 })
local external_ref <const> = v.string({ min = 1, max = 200 })
local country <const> = v.string({
  max = 2, pattern = "^%u%u$", regex = "^[A-Z]{2}$", says = "must be a country code, two capital letters",
})
local digits <const> = v.string({ min = 1, max = 6, pattern = "^%d+$", regex = "^[0-9]+$", says = "must be digits" })

-- A tier ends where the next begins; the last has no end.
local function check_tiers(tiers, pointer, faults)
  local last = 0
  for i, tier in ipairs(tiers) do
    local up_to, at = tier.up_to_s, ("%s/%d/up_to_s"):format(pointer, i - 1)
    local open = up_to == tg.json.null or up_to == nil
    if open ~= (i == #tiers) then
      faults[#faults + 1] = { pointer = at, detail = "only the last tier is without an end, and it must be" }
    elseif not open and up_to <= last then
      faults[#faults + 1] = { pointer = at, detail = "must be above the tier before" }
    end
    last = open and last or up_to
  end
end

local date <const> = v.also(v.string({
  max = 10, pattern = "^%d%d%d%d%-%d%d%-%d%d$", regex = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
  says = "must be a date, YYYY-MM-DD",
}), function(clean, pointer, faults)
  if not tg.time.parse(clean .. "T00:00:00Z") then
    faults[#faults + 1] = { pointer = pointer, detail = "must be a date that exists" }
  end
end)

local tier_list <const> = v.also(
  v.list(
    v.object({ up_to_s = v.nullable(v.integer(1, 1 << 40)), per_minute = v.decimal() }),
    { min = 1, max = 50 }
  ),
  check_tiers
)

local window <const> = v.object({
  days = v.optional(v.list(v.integer(1, 7), { min = 1, max = 7 })),
  from = v.clock(),
  to = v.clock(),
  priority = v.optional(v.integer(0, 1000)),
  holidays = v.optional(v.list(date, { max = 400 })),
})

local WINDOW_NAME_MAX <const> = 31 -- as a deck names it
local HOLIDAYS_MAX <const> = 2000 -- of all windows: what the rules' calendar takes

local function check_windows(windows, pointer, faults)
  local holidays = 0
  for window_name, w in pairs(windows) do
    holidays = holidays + #(w.holidays or {})
    if #window_name > WINDOW_NAME_MAX then
      local detail <const> = "a window's name has at most %d characters"
      faults[#faults + 1] = { pointer = pointer .. "/" .. window_name, detail = detail:format(WINDOW_NAME_MAX) }
    end
  end
  if holidays > HOLIDAYS_MAX then
    local detail <const> = "must have at most %d holidays, all windows together"
    faults[#faults + 1] = { pointer = pointer, detail = detail:format(HOLIDAYS_MAX) }
  end
end

local window_map <const> = v.also(v.map({
  pattern = "^[a-z][a-z0-9_]*$", regex = "^[a-z][a-z0-9_]{0,30}$",
  says = "a window's name is lower-case letters, digits and _",
}, window, 20), check_windows)

--- The parameters that pricing.rate_usage takes from the company (rating.md R4, R7-R13), and prices without a deck.
schema.pricing = v.also(v.object({
  charge_decimals = v.optional(v.integer(0, 12)),
  rounding = v.optional(v.enum({ "half_up", "half_even", "up", "down" })),
  rate_at = v.optional(v.enum({ "split", "start" })),
  bundle_partial = v.optional(v.enum({ "split", "whole_block" })),
  windows = v.optional(window_map),
  tiers = v.optional(tier_list),
  min_charge = v.optional(v.decimal()),
  max_charge = v.optional(v.decimal()),
  grace_ms = v.optional(v.integer(0, 600000)),
  cc = v.optional(digits),
  idd = v.optional(digits),
  trunk = v.optional(digits),
  prices = v.optional(prices.prices),
  pack = v.optional(prices.pack),
  pack_options = v.optional(prices.pack_options),
  expected = v.optional(prices.expected),
  parameters = v.optional(prices.parameters),
}), prices.check_pack)

local function at_most(says)
  return v.optional(v.described(v.integer(0, 1000000), says))
end

local prefixes <const> = v.list(v.string({
  min = 1, max = 15, pattern = "^%d+$", regex = "^[0-9]+$", says = "must be the first digits of E.164 numbers",
}), { max = 1000 })

--- What bounds a company's calls (the rule charging.admit).
schema.limits = v.object({
  concurrent_calls = at_most("lines"),
  calls_per_number = at_most("lines to one number"),
  calls_per_agent = at_most("lines of one agent"),
  calls_per_minute = at_most("calls begun"),
  calls_per_hour = at_most("calls begun"),
  same_number_per_hour = at_most("calls begun to one number"),
  fraud_score = v.optional(v.described(v.integer(0, 100), "refused from here on; 90 when it is not given")),
  blocked_prefixes = v.optional(prefixes),
  allowed_prefixes = v.optional(v.described(prefixes, "with them every other number is blocked")),
})

schema.company_create = v.object({
  name = name,
  parent = v.optional(v.id("co")),
  external_ref = v.optional(external_ref),
  currency = v.optional(v.currency()),
  timezone = v.optional(v.timezone()),
  country = v.optional(v.described(country, "ISO 3166: how numbers without + are read")),
  rate_deck = v.optional(v.id("deck")),
  pricing = v.optional(schema.pricing),
  limits = v.optional(schema.limits),
})

--- What is a company's own to say. What is not named stays as it was; null takes it away.
schema.settings = v.object({
  cors_origins = v.nullable(v.described(origins.list, "of pages that may ask with the company's keys and sessions")),
  policies = v.nullable(policies.policies),
  second_factor = v.nullable(v.described(v.enum({ "required" }), "of the company's people, to get anywhere")),
})

local function check_alone(change, pointer, faults)
  if change.settings and next(change, next(change)) then
    faults[#faults + 1] = { pointer = pointer .. "/settings", detail = "are changed by themselves" }
  end
end

schema.company_change = v.also(v.object({
  settings = v.optional(schema.settings),
  name = v.optional(name),
  external_ref = v.nullable(external_ref),
  status = v.optional(v.enum({ "active", "suspended" })),
  timezone = v.optional(v.timezone()),
  country = v.nullable(country),
  rate_deck = v.nullable(v.id("deck")),
  pricing = v.nullable(schema.pricing),
  limits = v.nullable(schema.limits),
}), check_alone)

schema.company_list = page.sorted({
  external_ref = v.optional(external_ref),
  status = v.optional(v.enum({ "active", "suspended" })),
})

local permission_json <const> = {
  type = "string", examples = { "usage:write" }, description = "resource:action, resource:* or *",
}

schema.permission = v.shape(permission_json, function(value, pointer, faults)
  if type(value) ~= "string" or not permissions.exists(value) then
    local known = table.concat(permissions.names(), ", ")
    faults[#faults + 1] = { pointer = pointer, detail = 'must be "*", "resource:*" or one of: ' .. known }
    return nil
  end
  return value
end)

schema.key_create = v.object({
  name = name,
  company = v.optional(v.id("co")),
  permissions = v.optional(v.list(schema.permission, { min = 1, max = 100 })),
  expires_at = v.optional(v.time()),
})

local OVERLAP_MAX <const> = 30 * 86400

--- How long the key that is replaced goes on, and when the new one ends: as the old one would have, if not said.
schema.key_rotate = v.object({
  overlap_seconds = v.optional(v.described(v.integer(0, OVERLAP_MAX), "a day, if not given")),
  expires_at = v.optional(v.time()),
})

schema.key_list = page.sorted({ company = v.optional(v.id("co")) })

return schema
