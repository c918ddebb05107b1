--- Shapes of the rate deck requests.
local page = require("core.page")
local v = require("core.validate")

local schema = {}

local name <const> = v.string({ min = 1, max = 200 })

schema.deck_create = v.object({ name = name, currency = v.currency() })

schema.deck_list = page.sorted({ name = v.optional(name) })

schema.rates_put = {
  accept = v.optional(v.string({ min = 1, max = 100 })),
  accept_rejected = v.optional(v.enum({ "true", "false" })),
}

-- A "+" that was not written %2B arrives as a blank.
local number_json <const> = {
  type = "string", examples = { "+442079460958" }, description = "E.164: 7 to 15 digits, country code first",
}
local number <const> = v.shape(number_json, function(value, pointer, faults)
  local digits = tostring(value):gsub("[%s%-%.%(%)]", ""):gsub("^%+", "")
  if not digits:find("^[1-9]%d+$") or #digits < 7 or #digits > 15 then
    faults[#faults + 1] = { pointer = pointer, detail = "must be an E.164 number: 7 to 15 digits, country code first" }
    return nil
  end
  return digits
end)

schema.lookup = { number = v.optional(number), at = v.optional(v.time()) }

return schema
