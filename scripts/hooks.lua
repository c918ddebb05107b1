--- The documentation of the hooks: `lua5.4 scripts/hooks.lua > lua/core/hooks.md`, from the root of the tree.
-- tests/lua/core/hooks_spec.lua says when the file is out of date.
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
    local optional = inner.optional or (inner.type and inner.type:sub(-1) == "?")
    write("| `%s`%s | %s | %s |", name, optional and " ?" or "", cell(name_of(inner)), cell(inner.doc or ""))
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
