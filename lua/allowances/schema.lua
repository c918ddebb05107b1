--- Shapes of the requests about free seconds.
local page = require("core.page")
local v = require("core.validate")

local schema = {}

local function check_order(input, pointer, faults)
  if input.starts_at and input.expires_at and input.expires_at <= input.starts_at then
    faults[#faults + 1] = { pointer = pointer .. "/expires_at", detail = "must be after starts_at" }
  end
end

local prefix <const> = v.string({
  min = 1, max = 15, pattern = "^%d+$", regex = "^[0-9]+$", says = "must be the first digits of E.164 numbers",
})

schema.allowance = v.also(v.object({
  company = v.optional(v.described(v.id("co"), "whose calls it pays for; without: the own one")),
  seconds = v.described(v.integer(1, 1000000000), "that are free"),
  priority = v.optional(v.described(v.integer(-1000, 1000), "smaller is used first; 0 when it is not given")),
  prefixes = v.optional(v.described(v.list(prefix, { min = 1, max = 100 }), "of called numbers; without: any")),
  starts_at = v.optional(v.described(v.time(), "for calls answered then or later; without: now")),
  expires_at = v.optional(v.described(v.time(), "no block that begins then or later is free; without: never")),
  note = v.optional(v.string({ min = 1, max = 255 })),
}), check_order)

schema.allowance_list = page.query({ company = v.optional(v.id("co")) })

return schema
