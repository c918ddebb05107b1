--- Shapes of the requests about rules.
local page = require("core.page")
local v = require("core.validate")

local schema = {}

local FILES_MAX <const> = 400 -- of one request: what a bundle may have, and as many to take away
local PERCENT_MAX <const> = 1000000
local SHARE_MAX_PPM <const> = 1000000

--- Is it the id of a bundle: the SHA-256 of its files?
---@param text any
---@return boolean
function schema.is_bundle(text)
  return type(text) == "string" and #text == 64 and not text:find("[^0-9a-f]")
end

-- A bundle by its id or by a name that stands for one.
local function bundle(names)
  local says, known = "must be the id of a bundle, 64 hex digits", {}
  for _, name in ipairs(names) do
    says, known[name] = ('%s, or "%s"'):format(says, name), true
  end
  return function(value, pointer, faults)
    if not schema.is_bundle(value) and not (type(value) == "string" and known[value]) then
      faults[#faults + 1] = { pointer = pointer, detail = says }
      return nil
    end
    return value
  end
end

-- Only that it is text: what a rule file may hold is for the check of the whole bundle to say, with line and reason.
local function source(value, pointer, faults)
  if value ~= tg.json.null and type(value) ~= "string" then
    faults[#faults + 1] = { pointer = pointer, detail = "must be the file's text, or null to leave the file out" }
    return nil
  end
  return value
end

local file_list <const> = v.list(v.object({ path = v.string({ min = 1, max = 200 }), source = source }), {
  max = FILES_MAX,
})

local function files(value, pointer, faults)
  local list = file_list(value, pointer, faults)
  local seen = {}
  for i, file in ipairs(list or {}) do
    if file.path and seen[file.path] then
      faults[#faults + 1] = { pointer = ("%s/%d/path"):format(pointer, i - 1), detail = "is there twice" }
    end
    seen[file.path or ""] = true
  end
  return list
end

local any_bundle <const> = bundle({ "active", "release" })
local base <const> = v.optional(bundle({ "active", "release", "none" }))

schema.push = v.object({
  files = files,
  base = base,
  note = v.optional(v.string({ max = 1000 })),
})

--- The same files, only compared.
schema.compare = v.object({ files = files, base = base, to = v.optional(any_bundle) })

schema.bundle_list = page.query({})

schema.bundle_show = { files = v.optional(v.enum({ "true", "false" })) }

schema.diff = { to = v.optional(any_bundle) }

-- A decimal as text between 0 and max; whole numbers may be JSON's.
local function bounded_decimal(max, says)
  local text <const> = v.decimal()
  return function(value, pointer, faults)
    local n = #faults
    local clean = text(math.type(value) == "integer" and tostring(value) or value, pointer, faults)
    if #faults == n and tg.decimal.new(clean) > tg.decimal.new(max) then
      faults[#faults + 1] = { pointer = pointer, detail = says }
      return nil
    end
    return clean
  end
end

local COUNT_MAX <const> = 1000000000

schema.activate = v.object({
  bundle = bundle({ "release" }),
  if_revision = v.integer(0, 1 << 53),
  gate = v.optional(v.object({
    max_increase_percent = v.optional(bounded_decimal(PERCENT_MAX, "must be at most " .. PERCENT_MAX)),
    max_shadow_errors = v.optional(v.integer(0, COUNT_MAX)),
    min_shadow_calls = v.optional(v.integer(0, COUNT_MAX)),
    backtest = v.optional(v.id("bt")),
  })),
})

schema.rollback = v.object({ if_revision = v.optional(v.integer(0, 1 << 53)) })

local share <const> = bounded_decimal(1, "must be between 0 and 1")

-- Parts of a million.
local function share_ppm(value, pointer, faults)
  local clean = share(value, pointer, faults)
  if not clean then
    return nil
  end
  local ppm = tg.decimal.tointeger(tg.decimal.muldiv(clean, SHARE_MAX_PPM, 1, 0, "half_up"))
  if ppm == 0 then
    faults[#faults + 1] = { pointer = pointer, detail = "must be at least 0.000001; a null bundle ends the shadow" }
  end
  return ppm
end

schema.shadow = v.object({
  bundle = v.nullable(bundle({})),
  share = v.optional(share_ppm),
})

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

local function input(value, pointer, faults)
  if type(value) ~= "table" or v.is_list(value) then
    faults[#faults + 1] = { pointer = pointer, detail = "must be an object: what the rule is given" }
    return nil
  end
  return without_null(value, pointer, faults)
end

local flag_name <const> = { pattern = "^[a-z][a-z0-9_.-]*$", says = "a flag's name is lower-case letters, digits, _.-" }

schema.dry_run = v.object({
  bundle = any_bundle,
  hook = v.string({ min = 1, max = 64 }),
  input = input,
  deck = v.optional(v.object({ id = v.id("deck"), version = v.optional(v.integer(1, 1 << 31)) })),
  flags = v.optional(v.map(flag_name, v.boolean(), 100)),
})

schema.backtest = v.object({
  bundle = any_bundle,
  from = v.time(),
  to = v.time(),
  company = v.optional(v.id("co")),
})

schema.list = page.query({})

return schema
