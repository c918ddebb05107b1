--- What is made from lua/core/hooks.lua, from the root of the tree; tests/lua/core/hooks_spec.lua says when it is old.
--
--   lua5.4 scripts/hooks.lua doc > lua/core/hooks.md          for people
--   lua5.4 scripts/hooks.lua types > lua/types/hooks.lua      for their editors
local hooks <const> = assert(loadfile("lua/core/hooks.lua", "t", {}))()

local function write(...)
  io.write(string.format(...), "\n")
end

local function sorted(map)
  local keys = {}
  for key in pairs(map) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  return keys
end

-- A cell of a table: a bar would end it.
local function cell(text)
  return (text:gsub("|", "\\|"))
end

local function bounds(of)
  if of.min and of.max then
    return (" %d…%d"):format(of.min, of.max)
  elseif of.min or of.max then
    return of.min and (" ≥ %d"):format(of.min) or (" ≤ %d"):format(of.max)
  end
  return ""
end

--- @return the type in words, without what is inside it
local function name_of(of)
  if of.enum then
    return "`" .. table.concat(of.enum, "` `") .. "`"
  elseif of.list then
    return "list" .. (of.max and (" ≤ %d"):format(of.max) or "")
  elseif of.map then
    return "map"
  elseif of.record then
    return of.open and "record, and more" or "record"
  end
  return of.type:gsub("%?$", "") .. bounds(of)
end

local rows

local function as_table(of)
  return type(of) == "string" and { type = of } or of
end

local function is_optional(of)
  return of.optional or (of.type ~= nil and of.type:sub(-1) == "?")
end

-- What a value holds has its own rows: of a list its entries, of a record its fields.
local function inside(path, of)
  if of.list or of.map then
    local entry = as_table(of.list or of.map)
    local name = path .. (of.list and "[]" or ".*")
    if entry.record then
      rows(name, entry)
    else
      write("| `%s` | %s | %s |", name, cell(name_of(entry)), cell(entry.doc or ""))
      inside(name, entry)
    end
  elseif of.record then
    rows(path, of)
  end
end

function rows(path, of)
  for _, field in ipairs(sorted(of.record)) do
    local inner = as_table(of.record[field])
    local name = path == "" and field or path .. "." .. field
    write("| `%s`%s | %s | %s |", name, is_optional(inner) and " ?" or "", cell(name_of(inner)), cell(inner.doc or ""))
    inside(name, inner)
  end
end

local function side(title, of)
  write("\n%s\n\n| field | type | |\n|---|---|---|", title)
  rows("", of)
end

local function hook(name, of)
  write("\n## %s\n\n%s", name, of.summary)
  side("The rule is given" .. (of.input.open and ", and more:" or ":"), of.input)
  side("It answers:", of.output)
  write("\nWhen it fails: **%s**. %s", of.on_failure, of.says)
  write("A call should take at most %d µs.%s", of.budget_us,
    of.money and (" Shadow and backtest add up `%s`."):format(of.money) or "")
  write(of.asked_by and "Asked by `%s`." or "Nobody asks yet: it waits for `%s`.", of.asked_by or of.awaits)
end

local function write_doc()
  write("# The questions that rules answer\n")
  write("Made from `core/hooks.lua` by `scripts/hooks.lua`; do not edit. `?`: may be absent. A decimal is given as a")
  write("decimal or its text and answered as a decimal; a time is in µs since 1970.\n")
  write("| hook | question | when the rule fails |\n|---|---|---|")
  for _, name in ipairs(sorted(hooks)) do
    local of = hooks[name]
    write("| [%s](#%s) | %s | %s |", name, name:gsub("%.", ""), cell(of.summary), of.on_failure)
  end
  for _, name in ipairs(sorted(hooks)) do
    hook(name, hooks[name])
  end
end

-- --- types for editors -----------------------------------------------------------------------------------------------

local SCALAR <const> = { time = "integer", any = "any" }

-- The type as an annotation says it; records become classes of their own, noted in `classes`.
local function annotation(of, name, side_name, classes)
  if of.enum then
    return '"' .. table.concat(of.enum, '"|"') .. '"'
  elseif of.record then
    classes[#classes + 1] = { name = name, of = of }
    return name
  elseif of.list then
    local entry = annotation(as_table(of.list), name, side_name, classes)
    return (entry:find("|", 1, true) and "(" .. entry .. ")" or entry) .. "[]"
  elseif of.map then
    return "table<string, " .. annotation(as_table(of.map), name, side_name, classes) .. ">"
  end
  local plain = of.type:gsub("%?$", "")
  if plain == "decimal" then
    return side_name == "Input" and "tg.Decimal|string" or "tg.Decimal"
  end
  return SCALAR[plain] or plain
end

local function write_class(class, side_name, classes)
  write("\n---@class %s%s", class.name, class.of.doc and "  " .. class.of.doc or "")
  for _, field in ipairs(sorted(class.of.record)) do
    local of = as_table(class.of.record[field])
    local text = annotation(of, class.name .. "." .. field, side_name, classes)
    write("---@field %s%s %s%s", field, is_optional(of) and "?" or "", text, of.doc and "  " .. of.doc or "")
  end
  if class.of.open then
    write("---@field [string] any")
  end
end

local function write_types()
  write("---@meta")
  write("--- Made from core/hooks.lua by scripts/hooks.lua: what rules are given and answer, for editors; never run.")
  for _, name in ipairs(sorted(hooks)) do
    for _, side_name in ipairs({ "Input", "Result" }) do
      local of = side_name == "Input" and hooks[name].input or hooks[name].output
      local classes = { { name = name .. "." .. side_name, of = of } }
      for _, class in ipairs(classes) do -- which grows meanwhile
        write_class(class, side_name, classes)
      end
    end
  end
end

local write_all <const> = assert(({ doc = write_doc, types = write_types })[arg[1]], "doc or types?")
write_all()
