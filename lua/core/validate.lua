--- Checks what a caller sent against a shape, and says every fault at once.
-- A shape is called as `shape(value, pointer, faults) → clean`: it appends to `faults` what is wrong and returns the
-- value to use; `shape.json` is the same as JSON Schema 2020-12, from which the API document is made (core/openapi).
-- Shapes are made once, at load, and know nothing of databases: whether a company exists is the service's question.
-- Unknown fields are faults, because a misspelt `curency` must not be taken for "not given".
local errors = require("core.errors")
local zones = require("core.zones")

local validate = {}

---@class validate.Shape
---@field check fun(value: any, pointer: string, faults: errors.Fault[]): any
---@field json table  JSON Schema
---@overload fun(value: any, pointer: string, faults: errors.Fault[]): any
local Shape = {}

function Shape:__call(value, pointer, faults)
  return self.check(value, pointer, faults)
end

--- A shape of one's own: what the schema cannot say, `check` does.
---@param json table
---@param check fun(value: any, pointer: string, faults: errors.Fault[]): any
---@return validate.Shape
function validate.shape(json, check)
  return setmetatable({ json = json, check = check }, Shape)
end

--- A shape and a further question about what it found clean.
---@param of validate.Shape
---@param further fun(clean: any, pointer: string, faults: errors.Fault[])
---@return validate.Shape
function validate.also(of, further)
  return validate.shape(of.json, function(value, pointer, faults)
    local n <const> = #faults
    local clean = of(value, pointer, faults)
    if #faults == n then
      further(clean, pointer, faults)
    end
    return clean
  end)
end

--- The same shape, with a sentence about what it means here.
---@param of validate.Shape|table  a shape, or an optional or nullable one
---@param text string
---@return validate.Shape|table
function validate.described(of, text)
  local shape = of.shape or of
  local json = { description = text }
  for key, value in pairs(shape.json) do
    json[key] = json[key] or value
  end
  local described = validate.shape(json, shape.check)
  return of.shape and { shape = described, optional = of.optional, default = of.default } or described
end

local FAULTS_MAX <const> = 20

local function fault(faults, pointer, detail)
  if #faults < FAULTS_MAX then
    faults[#faults + 1] = { pointer = pointer, detail = detail }
  end
end

-- RFC 6901: ~ and / inside a name.
local function escape(name)
  return (tostring(name):gsub("~", "~0"):gsub("/", "~1"))
end

--- Text. Lengths are in characters; control characters are refused.
---@param options {min: integer?, max: integer, pattern: string?, regex: string?, says: string?}  regex: the pattern as
-- ECMA-262 has it, for the document
---@return validate.Shape
function validate.string(options)
  local min <const>, max <const> = options.min or 0, options.max
  local json = { type = "string", minLength = options.min, maxLength = max, pattern = options.regex }
  return validate.shape(json, function(value, pointer, faults)
    if type(value) ~= "string" then
      return fault(faults, pointer, "must be a string")
    end
    local length = utf8.len(value)
    if not length then
      return fault(faults, pointer, "must be valid UTF-8")
    elseif length < min then
      local says = min == 1 and "must not be empty" or ("must have at least %d characters"):format(min)
      return fault(faults, pointer, says)
    elseif length > max then
      return fault(faults, pointer, ("must have at most %d characters"):format(max))
    elseif value:find("[%z\1-\31\127]") then
      return fault(faults, pointer, "must not contain control characters")
    elseif options.pattern and not value:find(options.pattern) then
      return fault(faults, pointer, options.says or "has the wrong form")
    end
    return value
  end)
end

---@param min integer
---@param max integer
---@return validate.Shape
function validate.integer(min, max)
  return validate.shape({ type = "integer", minimum = min, maximum = max }, function(value, pointer, faults)
    if math.type(value) ~= "integer" then
      return fault(faults, pointer, "must be a whole number")
    elseif value < min or value > max then
      return fault(faults, pointer, ("must be between %d and %d"):format(min, max))
    end
    return value
  end)
end

---@return validate.Shape
function validate.boolean()
  return validate.shape({ type = "boolean" }, function(value, pointer, faults)
    if type(value) ~= "boolean" then
      return fault(faults, pointer, "must be true or false")
    end
    return value
  end)
end

---@param names string[]
---@return validate.Shape
function validate.enum(names)
  local known = {}
  for _, name in ipairs(names) do
    known[name] = true
  end
  local says <const> = "must be one of: " .. table.concat(names, ", ")
  return validate.shape({ type = "string", enum = names }, function(value, pointer, faults)
    if type(value) ~= "string" or not known[value] then
      return fault(faults, pointer, says)
    end
    return value
  end)
end

local function decimal(json, pattern, says)
  return validate.shape(json, function(value, pointer, faults)
    if type(value) ~= "string" then
      return fault(faults, pointer, 'must be a decimal as a string, such as "0.0120"')
    end
    local whole, places = value:match(pattern)
    if not whole or value:sub(-1) == "." then
      return fault(faults, pointer, says)
    elseif #whole > 18 or #places > 12 then
      return fault(faults, pointer, "must have at most 18 digits before the point and 12 behind it")
    end
    return value
  end)
end

--- An exact decimal, as a string: at most 18 digits before and 12 behind the point, not negative.
-- The clean value is the same text, because what is stored is text and what is computed is made from it.
---@return validate.Shape
function validate.decimal()
  local json = { type = "string", pattern = "^[0-9]{1,18}(\\.[0-9]{1,12})?$", examples = { "0.0120" } }
  return decimal(json, "^(%d+)%.?(%d*)$", "must be a decimal number, not negative, without exponent")
end

--- The same, which may be below zero.
---@return validate.Shape
function validate.signed_decimal()
  local json = { type = "string", pattern = "^-?[0-9]{1,18}(\\.[0-9]{1,12})?$", examples = { "-1.50" } }
  return decimal(json, "^%-?(%d+)%.?(%d*)$", "must be a decimal number without exponent")
end

--- A time of day, "08:30".
---@return validate.Shape
function validate.clock()
  return validate.also(validate.string({
    max = 5, pattern = "^%d%d:%d%d$", regex = "^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$",
    says = "must be a time of day, HH:MM",
  }), function(clean, pointer, faults)
    local hour, minute = math.tointeger(clean:sub(1, 2)), math.tointeger(clean:sub(4, 5))
    if minute > 59 or hour > 24 or (hour == 24 and minute > 0) then
      fault(faults, pointer, "must be between 00:00 and 24:00")
    end
  end)
end

--- A TypeID with this prefix.
---@param prefix string
---@return validate.Shape
function validate.id(prefix)
  local json = { type = "string", pattern = ("^%s_[0-7][0-9a-hjkmnp-tv-z]{25}$"):format(prefix) }
  return validate.shape(json, function(value, pointer, faults)
    if type(value) ~= "string" or not tg.id.is(value, prefix) then
      return fault(faults, pointer, ("must be an id that begins with %s_"):format(prefix))
    end
    return value
  end)
end

--- A currency of ISO 4217 that has minor units.
---@return validate.Shape
function validate.currency()
  local json = { type = "string", pattern = "^[A-Z]{3}$", examples = { "USD" }, description = "ISO 4217" }
  return validate.shape(json, function(value, pointer, faults)
    if type(value) ~= "string" or not value:find("^%u%u%u$") or not tg.money.currency(value) then
      return fault(faults, pointer, "must be a currency of ISO 4217, such as USD")
    end
    return value
  end)
end

--- An IANA time zone.
---@return validate.Shape
function validate.timezone()
  local json = { type = "string", examples = { "Europe/Berlin" }, description = "A time zone of the IANA database" }
  return validate.shape(json, function(value, pointer, faults)
    if type(value) ~= "string" or not zones.exists(value) then
      return fault(faults, pointer, "must be an IANA time zone, such as Europe/Berlin")
    end
    return value
  end)
end

--- An instant, RFC 3339; the clean value is microseconds since 1970.
---@return validate.Shape
function validate.time()
  return validate.shape({ type = "string", format = "date-time" }, function(value, pointer, faults)
    local us = type(value) == "string" and tg.time.parse(value) or nil
    if not us then
      return fault(faults, pointer, "must be an RFC 3339 time, such as 2026-07-14T00:00:00Z")
    end
    return us
  end)
end

--- A list of one shape.
---@param of validate.Shape
---@param options {min: integer?, max: integer}
---@return validate.Shape
function validate.list(of, options)
  local json = { type = "array", items = of.json, minItems = options.min, maxItems = options.max }
  return validate.shape(json, function(value, pointer, faults)
    if not validate.is_list(value) then
      return fault(faults, pointer, "must be an array")
    elseif #value < (options.min or 0) then
      return fault(faults, pointer, ("must have at least %d elements"):format(options.min))
    elseif #value > options.max then
      return fault(faults, pointer, ("must have at most %d elements"):format(options.max))
    end
    local clean = tg.json.array({})
    for i, element in ipairs(value) do
      clean[i] = of(element, ("%s/%d"):format(pointer, i - 1), faults)
    end
    return clean
  end)
end

--- Names of the caller's own choice, each with one shape.
---@param key {pattern: string, regex: string, says: string}
---@param of validate.Shape
---@param max integer
---@return validate.Shape
function validate.map(key, of, max)
  local json = {
    type = "object", additionalProperties = of.json, maxProperties = max, propertyNames = { pattern = key.regex },
  }
  return validate.shape(json, function(value, pointer, faults)
    if type(value) ~= "table" or #value > 0 or tg.json.is_array(value) then
      return fault(faults, pointer, "must be an object")
    end
    local clean, n = {}, 0
    for name, element in pairs(value) do
      n = n + 1
      local at = pointer .. "/" .. escape(name)
      if not tostring(name):find(key.pattern) then
        fault(faults, at, key.says)
      else
        clean[name] = of(element, at, faults)
      end
    end
    if n > max then
      fault(faults, pointer, ("must have at most %d members"):format(max))
    end
    return clean
  end)
end

--- A field that may be missing.
---@param shape validate.Shape
---@return table
function validate.optional(shape)
  return { shape = shape, optional = true }
end

--- A field that may be missing, or null, which is kept as tg.json.null: "take the value away".
---@param shape validate.Shape
---@return table
function validate.nullable(shape)
  return { optional = true, shape = validate.or_null(shape) }
end

--- The shape, or null.
---@param shape validate.Shape
---@return validate.Shape
function validate.or_null(shape)
  return validate.shape({ anyOf = { shape.json, { type = "null" } } }, function(value, pointer, faults)
    if value == tg.json.null then
      return value
    end
    return shape(value, pointer, faults)
  end)
end

local function check_known(value, fields, pointer, faults)
  local unknown = nil
  for name in pairs(value) do
    if not fields[name] then
      unknown = unknown or {}
      unknown[#unknown + 1] = tostring(name)
    end
  end
  if not unknown then
    return
  end
  table.sort(unknown)
  for _, name in ipairs(unknown) do
    fault(faults, pointer .. "/" .. escape(name), "is not a field of this request")
  end
end

-- `properties` in the order of the names; `required` may not be empty in older readers, so it is left out then.
local function object_json(names, fields)
  local properties, required = {}, {}
  for _, name in ipairs(names) do
    local field = fields[name]
    properties[name] = (field.shape or field).json
    if not field.optional then
      required[#required + 1] = name
    end
  end
  return {
    type = "object", properties = properties, required = required[1] and required or nil, additionalProperties = false,
  }
end

--- An object with exactly these fields; a plain shape is a required field.
---@param fields table<string, validate.Shape|table>
---@return validate.Shape
function validate.object(fields)
  local names, checks, places = {}, {}, {}
  for name, field in pairs(fields) do
    names[#names + 1], checks[name], places[name] = name, (field.shape or field).check, "/" .. escape(name)
  end
  table.sort(names) -- faults come in the same order each time
  return validate.shape(object_json(names, fields), function(value, pointer, faults)
    if type(value) ~= "table" or #value > 0 or tg.json.is_array(value) then
      return fault(faults, pointer, "must be an object")
    end
    check_known(value, fields, pointer, faults)
    local clean = {}
    for i = 1, #names do
      local name <const> = names[i]
      local given <const> = value[name]
      if given ~= nil then
        clean[name] = checks[name](given, pointer .. places[name], faults)
      elseif not fields[name].optional then
        fault(faults, pointer .. places[name], "is required")
      end
    end
    return clean
  end)
end

--- Is it an array, as JSON has them? An empty table is one only when it came as [].
---@param value any
---@return boolean
function validate.is_list(value)
  if type(value) ~= "table" then
    return false
  end
  return #value > 0 or (next(value) == nil and tg.json.is_array(value))
end

--- The id of a path: one that cannot be an id names nothing.
---@param text string
---@param prefix string
---@param what string for the error: "company"
---@return string? id, errors.Error?
function validate.path_id(text, prefix, what)
  if not tg.id.is(text, prefix) then
    return nil, errors.not_found(what)
  end
  return text
end

--- Checks the parameters behind the question mark: all of them text, all of them known.
---@param fields table<string, table> optional fields
---@param query table<string, string>
---@return table? clean, errors.Error?
function validate.query(fields, query)
  local faults, clean, names = {}, {}, {}
  for name in pairs(query) do
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    if not fields[name] then
      fault(faults, "?" .. name, "is not a parameter of this request")
    else
      clean[name] = fields[name].shape(query[name], "?" .. name, faults)
    end
  end
  if faults[1] then
    return nil, errors.faults(faults)
  end
  return clean
end

--- Checks a body. Every fault is told at once (at most 20).
---@param shape validate.Shape
---@param value any
---@return any clean, errors.Error?
function validate.check(shape, value)
  local faults = {}
  local clean = shape(value, "", faults)
  if faults[1] then
    return nil, errors.faults(faults)
  end
  return clean
end

return validate
