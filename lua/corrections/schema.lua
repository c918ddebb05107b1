--- Shapes of corrections: what a call, or an event of usage, was after all.
local shapes = require("core.shapes")
local v = require("core.validate")

local schema = {}

local DURATION_MS_MAX <const> = 31 * 86400 * 1000

local meter <const> = v.string({
  min = 1, max = 64, pattern = "^[%w_.%-]+$", regex = "^[A-Za-z0-9_.-]+$", says = "must be a meter of the call",
})
local status <const> = v.string({
  min = 1, max = 32, pattern = "^[a-z][a-z_]*$", regex = "^[a-z][a-z_]*$", says = "must be lower-case letters and _",
})
local reason <const> = v.described(v.string({ min = 1, max = 500 }), "for whoever asks later")
local void <const> = v.optional(v.described(v.boolean(), "true: it costs nothing; stands alone"))
local duration_ms <const> = v.optional(v.described(v.integer(0, DURATION_MS_MAX), "answer to hang-up"))

-- What is to be changed: at least one thing, and nothing beside `void`.
local function one_thing(changes)
  return function(clean, pointer, faults)
    local n = 0
    for _, name in ipairs(changes) do
      if clean[name] ~= nil then
        n = n + 1
        if clean.void then
          faults[#faults + 1] = { pointer = pointer .. "/" .. name, detail = "is nothing of a call that is void" }
        end
      end
    end
    if n == 0 and not clean.void then
      local detail <const> = "must say what is to be corrected: " .. table.concat(changes, ", ") .. " or void"
      faults[#faults + 1] = { pointer = pointer, detail = detail }
    end
  end
end

local usage <const> = v.also(
  v.list(v.object({ meter = meter, quantity = v.decimal() }), { min = 1, max = 50 }),
  function(list, pointer, faults)
    local seen = {}
    for i, element in ipairs(list) do
      local at <const> = ("%s/%d/meter"):format(pointer, i - 1)
      if seen[element.meter] then
        faults[#faults + 1] = { pointer = at, detail = "is there already" }
      elseif element.meter == "call.seconds" then
        faults[#faults + 1] = { pointer = at, detail = "is told by duration_ms" }
      end
      seen[element.meter] = true
    end
  end
)

schema.of_call = v.also(v.object({
  company = v.optional(v.described(v.id("co"), "whose call it is: own or below; without: own")),
  duration_ms = duration_ms,
  status = v.optional(status),
  usage = v.optional(v.described(usage, "of the meters that were wrong")),
  void = void,
  reason = reason,
}), one_thing({ "duration_ms", "status", "usage" }))

schema.of_usage = v.also(v.object({
  quantity = v.optional(v.described(v.decimal(), "of another meter than call.seconds")),
  duration_ms = duration_ms,
  status = v.optional(status),
  void = void,
  reason = reason,
}), one_thing({ "quantity", "duration_ms", "status" }))

local lines <const> = shapes.list(shapes.object)

--- A correction, as answers show it.
schema.correction = v.object({
  id = shapes.id("cor"), company = shapes.id("co"), call = v.or_null(shapes.id("call")), reason = shapes.text,
  actor = v.described(shapes.text, "a user or a key"), void = shapes.flag, created_at = shapes.instant,
  entry = v.described(v.or_null(shapes.id("ent")), "in the ledger; null: no money moved"),
  net = v.described(shapes.money, "above zero: more was charged; below: given back"),
  usage = shapes.list(v.object({
    usage = shapes.id("usg"), meter = shapes.text, quantity = shapes.decimal, status = shapes.text,
    billed_seconds = shapes.count, before = shapes.money, amount = shapes.money,
    reversal = v.described(lines, "the lines that stood, exactly negative"),
    lines = v.described(lines, "that stand instead"),
  })),
})

return schema
