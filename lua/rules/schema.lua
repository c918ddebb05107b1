--- Shapes of the requests about rules.
local page = require("core.page")
local v = require("core.validate")

local schema = {}

local FILES_MAX <const> = 400 -- of one request: what a bundle may have, and as many to take away
local REVISION_MAX <const> = 1 << 53
local COUNT_MAX <const> = 1000000000
local PERCENT_MAX <const> = 1000000
local MILLION <const> = 1000000

--- Is it the id of a bundle: the SHA-256 of its files?
---@param text any
---@return boolean
function schema.is_bundle(text)
  return type(text) == "string" and #text == 64 and not text:find("[^0-9a-f]")
end

--- A bundle by its id, or by a name that stands for one.
---@param names string[]
---@return validate.Shape
function schema.bundle(names)
  local says, known = "must be the id of a bundle, 64 hex digits", {}
  for _, name in ipairs(names) do
    says, known[name] = ('%s, or "%s"'):format(says, name), true
  end
  local pattern <const> = "^[0-9a-f]{64}$" .. (names[1] and "|^(" .. table.concat(names, "|") .. ")$" or "")
  return v.shape({ type = "string", pattern = pattern }, function(value, pointer, faults)
    if not schema.is_bundle(value) and not (type(value) == "string" and known[value]) then
      faults[#faults + 1] = { pointer = pointer, detail = says }
      return nil
    end
    return value
  end)
end

-- Only that it is text: what a rule file may hold is for the check of the whole bundle to say, with line and reason.
local source <const> = v.shape({ type = "string" }, function(value, pointer, faults)
  if type(value) ~= "string" then
    faults[#faults + 1] = { pointer = pointer, detail = "must be the file's text, or null to leave the file out" }
    return nil
  end
  return value
end)

local file <const> = v.object({ path = v.string({ min = 1, max = 200 }), source = v.or_null(source) })

local files <const> = v.also(v.list(file, { max = FILES_MAX }), function(list, pointer, faults)
  local seen = {}
  for i, one in ipairs(list) do
    if seen[one.path] then
      faults[#faults + 1] = { pointer = ("%s/%d/path"):format(pointer, i - 1), detail = "is there twice" }
    end
    seen[one.path] = true
  end
end)

local any_bundle <const> = schema.bundle({ "active", "release" })
local base <const> = v.optional(v.described(schema.bundle({ "active", "release", "none" }),
  "the bundle that the files are laid over; without: the active one"))

schema.publish = v.object({
  files = v.described(files, "a source of null leaves out a file of the base"),
  base = base,
  note = v.optional(v.string({ max = 1000 })),
})

schema.compare = v.object({ files = files, base = base, to = v.optional(any_bundle) })

schema.bundle_show = { files = v.optional(v.enum({ "true", "false" })) }

schema.difference = { to = v.optional(any_bundle) }

-- A decimal from 0 to max.
local function decimal_up_to(max)
  return v.also(v.decimal(), function(clean, pointer, faults)
    if tg.decimal.new(max) < tg.decimal.new(clean) then
      faults[#faults + 1] = { pointer = pointer, detail = ("must be at most %d"):format(max) }
    end
  end)
end

schema.activate = v.object({
  bundle = schema.bundle({ "release" }),
  if_revision = v.described(v.integer(0, REVISION_MAX), "the revision that you have seen active"),
  gate = v.optional(v.object({
    max_increase_percent = v.optional(v.described(decimal_up_to(PERCENT_MAX), "of what any one company pays")),
    max_shadow_errors = v.optional(v.integer(0, COUNT_MAX)),
    min_shadow_calls = v.optional(v.described(v.integer(0, COUNT_MAX), "without: 1")),
    backtest = v.optional(v.described(v.id("bt"), "look at this one instead of the shadow")),
  })),
})

schema.roll_back = v.object({ if_revision = v.optional(v.integer(0, REVISION_MAX)) })

--- Parts of a million, out of a decimal.
function schema.to_ppm(share)
  return tg.decimal.tointeger(tg.decimal.muldiv(share, MILLION, 1, 0, "half_up"))
end

local share <const> = v.also(decimal_up_to(1), function(clean, pointer, faults)
  if schema.to_ppm(clean) == 0 then
    faults[#faults + 1] = { pointer = pointer, detail = "must be at least 0.000001; a null bundle ends the shadow" }
  end
end)

schema.set_shadow = v.also(v.object({
  bundle = v.or_null(schema.bundle({})),
  share = v.optional(v.described(share, "of the calls, 1 is all of them")),
}), function(clean, pointer, faults)
  if clean.bundle ~= tg.json.null and not clean.share then
    faults[#faults + 1] = { pointer = pointer .. "/share", detail = "is required with a bundle" }
  end
end)

-- A rule's input has no null: what is absent is absent.
local function without_null(value, pointer, faults)
  if type(value) ~= "table" then
    return value
  end
  local is_list, clean = v.is_list(value), {}
  for key, element in pairs(value) do
    local at = ("%s/%s"):format(pointer, is_list and key - 1 or key)
    if element ~= tg.json.null then
      clean[key] = without_null(element, at, faults)
    elseif is_list then
      faults[#faults + 1] = { pointer = at, detail = "a list that a rule gets has no null" }
    end
  end
  return is_list and tg.json.array(clean) or clean
end

local input <const> = v.shape({ type = "object" }, function(value, pointer, faults)
  if type(value) ~= "table" or v.is_list(value) then
    faults[#faults + 1] = { pointer = pointer, detail = "must be an object: what the rule is given" }
    return nil
  end
  return without_null(value, pointer, faults)
end)

local flag_name <const> = {
  pattern = "^[a-z][a-z0-9_.%-]*$", regex = "^[a-z][a-z0-9_.-]*$", says = "a flag is lower-case letters, digits, _ . -",
}

schema.dry_run = v.object({
  bundle = any_bundle,
  hook = v.string({ min = 1, max = 64 }),
  input = v.described(input, "as GET /v1/rules describes it; a null is as good as nothing"),
  deck = v.optional(v.object({ id = v.id("deck"), version = v.optional(v.integer(1, 1 << 31)) })),
  flags = v.optional(v.map(flag_name, v.boolean(), 100)),
})

schema.backtest = v.object({
  bundle = any_bundle,
  from = v.time(),
  to = v.time(),
  company = v.optional(v.described(v.id("co"), "with those below it; without: all")),
})

schema.list = page.query({})

schema.bundle_list = page.query({
  page = page.page,
  q = v.optional(v.described(v.string({ min = 1, max = 100 }), "a part of the note, the author or the id")),
  sort = v.optional(v.described(
    v.enum({ "created_at", "-created_at" }), "-created_at, the newest first, when it is not given"
  )),
})

return schema
