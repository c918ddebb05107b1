--- Whether a value is of a type of core/hooks.lua, in Lua: for tests that run with nothing else running. The server
-- has the same in C (src/rt/hooks.c), and the same words for what is wrong.
local types = {}

local fault

-- Of an input that is a text: an input may give a decimal so.
local function is_decimal_text(value, how)
  return type(value) == "string" and pcall(how.decimal.new, value)
end

local function kind_of(value, how)
  if how.decimal.is_decimal(value) then
    return "decimal"
  elseif math.type(value) == "float" then
    return "float"
  end
  return math.type(value) or type(value)
end

local KIND <const> = {
  integer = "integer", time = "integer", string = "string", boolean = "boolean", decimal = "decimal",
}

local function article(word)
  return (word:find("^[aeiou]") and "an " or "a ") .. word
end

local function scalar_fault(name, of, value, place, how)
  local kind = kind_of(value, how)
  if name == "any" or (name == "decimal" and how.is_input and (kind == "integer" or is_decimal_text(value, how))) then
    return nil
  elseif kind ~= KIND[name] then
    return ("%s must be %s, it is %s"):format(place, article(name), article(kind))
  elseif of.min and value < of.min or of.max and value > of.max then
    return ("%s is out of range: %s"):format(place, tostring(value))
  end
  return nil
end

local function enum_fault(values, value, place)
  for _, allowed in ipairs(values) do
    if value == allowed then
      return nil
    end
  end
  return ("%s must be one of %s"):format(place, table.concat(values, ", "))
end

local function list_fault(of, value, place, how)
  local n = #value
  for key in pairs(value) do
    if math.type(key) ~= "integer" or key < 1 or key > n then
      return ("%s must be a list"):format(place)
    end
  end
  if n > (of.max or 1000) then
    return ("%s has more than %d entries"):format(place, of.max or 1000)
  end
  for i = 1, n do
    local why = fault(of.list, value[i], ("%s[%d]"):format(place, i), how)
    if why then
      return why
    end
  end
  return nil
end

local function map_fault(of, value, place, how)
  for key, entry in pairs(value) do
    if type(key) ~= "string" then
      return ("%s must be a map with texts as keys"):format(place)
    end
    local why = fault(of.map, entry, place .. "." .. key, how)
    if why then
      return why
    end
  end
  return nil
end

local function record_fault(of, value, place, how)
  for name in pairs(value) do
    if of.record[name] == nil and not of.open then
      return ("%s has an unknown field '%s'"):format(place, tostring(name))
    end
  end
  for name, field in pairs(of.record) do
    local why = fault(field, value[name], place .. "." .. name, how)
    if why then
      return why
    end
  end
  return nil
end

local COMPOUND <const> = { list = list_fault, map = map_fault, record = record_fault }

--- @param of   the type
-- @param how  {decimal = the capability, is_input}: a decimal may be given as an integer or a text
-- @return nil, or what is wrong as a sentence: "result.total must be a decimal, it is a float"
function fault(of, value, place, how)
  if type(of) == "string" then
    of = { type = of }
  end
  local name, absent_ok = (of.type or ""):match("^(%a*)(%??)$")
  if value == nil then
    return not (of.optional or absent_ok == "?") and place .. " is missing" or nil
  elseif of.enum then
    return enum_fault(of.enum, value, place)
  end
  for form, check in pairs(COMPOUND) do
    if of[form] then
      if type(value) ~= "table" then
        return ("%s must be a %s, it is %s"):format(place, form, article(kind_of(value, how)))
      end
      return check(of, value, place, how)
    end
  end
  return scalar_fault(name, of, value, place, how)
end

types.fault = fault

return types
