--- Shapes of the requests about live calls. Made once, at load: these routes are asked for every call there is.
local page = require("core.page")
local v = require("core.validate")

local schema = {}

local METERS_MAX <const> = 50
local SECONDS_MAX <const> = 31 * 86400
local DURATION_MS_MAX <const> = SECONDS_MAX * 1000
local SEQ_MAX <const> = (1 << 32) - 1
local PROPERTY_MAX <const> = 500 -- characters

schema.STATES = { "open", "settled", "expired" }
schema.SECONDS = "call.seconds" -- counted from duration_ms

-- It is a segment of paths: no space, and not made of dots alone.
local call_id <const> = v.described(v.string({
  min = 1, max = 200, pattern = "^[^ ]*[^ .][^ ]*$", regex = "^[^ ]*[^ .][^ ]*$",
  says = "must be visible characters, and not dots alone",
}), "the caller's own name of the call")
local company <const> = v.optional(v.described(v.id("co"), "whose call it is: own or below; without: own"))
local number <const> = v.string({ min = 1, max = 100 })
local agent <const> = v.string({ min = 1, max = 200 })
local word <const> = function(max)
  return v.string({
    min = 1, max = max, pattern = "^[a-z][a-z_]*$", regex = "^[a-z][a-z_]*$", says = "must be lower-case letters and _",
  })
end
local meter <const> = v.string({
  min = 1, max = 64, pattern = "^[%w_.%-]+$", regex = "^[A-Za-z0-9_.-]+$",
  says = "must be a meter, such as call.seconds",
})
local request_seconds <const> = v.optional(v.described(v.integer(1, 86400), "how long the slice should be; 60"))

local PLAIN <const> = {
  anyOf = { { type = "string", maxLength = PROPERTY_MAX }, { type = "integer" }, { type = "boolean" } },
}

-- What a rule may see of them, and no more.
local properties <const> = v.map({
  pattern = "^[%w_.%-]+$", regex = "^[A-Za-z0-9_.-]+$", says = "a property's name is letters, digits, _, . and -",
}, v.shape(PLAIN, function(value, pointer, faults)
  local kind <const> = math.type(value) or type(value)
  local length <const> = kind == "string" and (utf8.len(value) or PROPERTY_MAX + 1)
  if kind ~= "string" and kind ~= "integer" and kind ~= "boolean" then
    faults[#faults + 1] = { pointer = pointer, detail = "must be a text, a whole number, true or false" }
  elseif length and length > PROPERTY_MAX then
    local detail <const> = "must be UTF-8, with at most %d characters"
    faults[#faults + 1] = { pointer = pointer, detail = detail:format(PROPERTY_MAX) }
  end
  return value
end), 50)

local function each_once(list, pointer, faults, name_of, place)
  local seen = {}
  for i, element in ipairs(list) do
    local name <const> = name_of(element)
    if seen[name] then
      faults[#faults + 1] = { pointer = place:format(pointer, i - 1), detail = "is there already" }
    end
    seen[name] = true
  end
end

local meters <const> = v.also(v.list(meter, { min = 1, max = METERS_MAX }), function(list, pointer, faults)
  each_once(list, pointer, faults, tostring, "%s/%d")
end)

local function meter_of(element)
  return element.meter
end

local usage <const> = v.also(
  v.list(
    v.object({
      meter = meter,
      quantity = v.decimal(),
      provider_cost = v.optional(v.object({ amount = v.decimal(), currency = v.currency() })),
    }),
    { max = METERS_MAX }
  ),
  function(list, pointer, faults)
    each_once(list, pointer, faults, meter_of, "%s/%d/meter")
    for i, element in ipairs(list) do
      if element.meter == schema.SECONDS then
        faults[#faults + 1] = { pointer = ("%s/%d/meter"):format(pointer, i - 1), detail = "is told by duration_ms" }
      end
    end
  end
)

local status <const> = v.described(word(32), "answered; anything else is not billable: busy, no_answer, failed, …")
local duration_ms <const> = v.described(v.integer(0, DURATION_MS_MAX), "answer to hang-up")

schema.authorize = v.object({
  call_id = call_id,
  company = company,
  from = v.optional(number),
  to = v.described(number, "+ and country code; without +, as is dialled in the company's country, else in the US"),
  direction = v.optional(v.enum({ "inbound", "outbound" })),
  agent_id = v.optional(agent),
  meters = v.optional(v.described(meters, "that it will use; call.seconds when they are not given")),
  properties = v.optional(properties),
  request_seconds = request_seconds,
})

schema.renew = v.object({
  company = company,
  seq = v.described(v.integer(1, SEQ_MAX), "1, 2, 3, …: one that was used gets its answer again"),
  answered_at = v.optional(v.time()),
  elapsed_seconds = v.described(v.integer(0, SECONDS_MAX), "since answer, in all; 0: it rings"),
  request_seconds = request_seconds,
})

schema.settle = v.object({
  company = company,
  answered_at = v.optional(v.time()),
  duration_ms = duration_ms,
  status = status,
  usage = v.optional(v.described(usage, "of the other meters")),
  properties = v.optional(v.described(properties, "over those of the beginning")),
})

schema.stop = v.object({
  company = company,
  reason = v.optional(v.described(word(64), "what the gateway is told; stopped when it is not given")),
})

--- Where a call is looked for when its name is the caller's own.
schema.place = { company = company }

schema.list = page.query({
  company = v.optional(v.id("co")),
  state = v.optional(v.enum(schema.STATES)),
  from_number = v.optional(v.described(number, "as it was authorized")),
  to_number = v.optional(v.described(number, "as it was authorized")),
  agent_id = v.optional(agent),
  from = v.optional(v.described(v.time(), "authorized at or after")),
  to = v.optional(v.described(v.time(), "authorized before")),
})

--- Can this be the name of a call?
---@param text string
---@return boolean
function schema.is_call_id(text)
  local faults = {}
  call_id(text, "", faults)
  return faults[1] == nil
end

return schema
