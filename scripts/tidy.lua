--- The rules of the house that a program can check: `lua5.4 scripts/tidy.lua`, from the root of the tree.
-- A remark made twice in review becomes a line here. Prints `file:line: what is wrong` and exits with 1.
local RANK <const> = { base = 1, io = 2, rt = 3, charge = 4, web = 5, cli = 6 }

--- Calls that nobody makes, and what to use instead; `only` names the files that may.
local BANNED <const> = {
  { "strcpy", "tg_strbuf or snprintf" },
  { "strcat", "tg_strbuf" },
  { "sprintf", "snprintf" },
  { "vsprintf", "vsnprintf" },
  { "gets", "fgets" },
  { "atoi", "strtol, and look at what was left" },
  { "atol", "strtol, and look at what was left" },
  { "atof", "tg_decimal" },
  { "strtok", "strsep or a loop" },
  { "alloca", "a pool or the heap" },
  { "system", "posix_spawn" },
  { "popen", "posix_spawn" },
  { "rand", "tg_random" },
  { "random", "tg_random" },
  { "localtime", "base/clock" },
  { "localtime_r", "base/clock" },
  { "gmtime", "base/clock" },
  { "asctime", "base/clock" },
  { "ctime", "base/clock" },
  { "time", "base/clock", only = "src/base/clock%.c" },
  { "gettimeofday", "base/clock", only = "src/base/clock%.c" },
  { "clock_gettime", "base/clock", only = "src/base/clock%.c" },
}

--- No path of one machine belongs into the tree.
local MACHINE_PATHS <const> = { "/wo" .. "rk/", "/ro" .. "ot/", "/ho" .. "me/%a", "%.%./%.lib" .. "rary" }

local faults = 0

local function fault(file, line, text)
  faults = faults + 1
  print(("%s:%d: %s"):format(file, line, text))
end

local function tracked_files()
  local files = {}
  local pipe <close> = assert(io.popen("git ls-files"))
  for name in pipe:lines() do
    files[#files + 1] = name
  end
  return files
end

local function read_lines(name)
  local lines = {}
  local file <close> = io.open(name)
  if not file then
    return nil -- deleted, and not committed yet
  end
  for line in file:lines() do
    lines[#lines + 1] = line
  end
  return lines
end

--- A line of C without its comments, and whether one goes on in the next line.
local function without_comments(line, in_comment)
  if in_comment then
    local finish = line:find("*/", 1, true)
    if not finish then
      return "", true
    end
    line = line:sub(finish + 2)
  end
  line = line:gsub("/%*.-%*/", ""):gsub("//.*", "")
  local start = line:find("/*", 1, true)
  if start then
    return line:sub(1, start - 1), true
  end
  return line, false
end

--- A line of C without what is in strings, so that words in them are not taken for calls.
local function bare(line)
  return (line:gsub("\\.", ""):gsub('"[^"]*"', '""'):gsub("'[^']*'", "''"))
end

local function check_header_line(file, lines)
  local name = file:match("([^/]+)%.[ch]$")
  local first = lines[1] or ""
  if first:sub(1, #name + 6) ~= "/* " .. name .. " - " then
    fault(file, 1, ("the first line is not `/* %s - what it is`"):format(name))
  end
end

local function check_layer(file, number, line)
  local layer, wanted = file:match("^src/(%a+)/"), line:match('^#include "(%a+)/')
  if RANK[layer] and RANK[wanted] and RANK[wanted] > RANK[layer] then
    fault(file, number, ("%s may not include %s: upward only by callback"):format(layer, wanted))
  end
end

local function check_calls(file, number, code)
  for _, banned in ipairs(BANNED) do
    local before = code:match("(.?.?)%f[%w_]" .. banned[1] .. "%s*%(")
    local is_member = before and (before:sub(-1) == "." or before == "->")
    if before and not is_member and not (banned.only and file:match(banned.only)) then
      fault(file, number, ("%s() is not used here: %s"):format(banned[1], banned[2]))
    end
  end
end

--- Money never touches a float.
local function check_floats(file, number, code)
  local is_money = file:match("^src/charge/") or file:match("^src/base/decimal") or file:match("^src/base/money")
  if is_money and (code:match("%f[%w_]double%f[^%w_]") or code:match("%f[%w_]float%f[^%w_]")) then
    fault(file, number, "no floating point where money is")
  end
end

local SQL <const> = { "SELECT%s.+%sFROM%s", "INSERT%s+INTO%s", "INSERT%s+IGNORE%s", "UPDATE%s+[%w_`]+%s+SET%s", "DELETE%s+FROM%s" }

local function holds_sql(line)
  for _, pattern in ipairs(SQL) do
    if line:match("[\"'%[]%s*" .. pattern) then
      return true
    end
  end
end

local function check_c(file, lines)
  local is_source = file:match("^src/")
  local in_comment = false
  check_header_line(file, lines)
  for number, line in ipairs(lines) do
    line, in_comment = without_comments(line, in_comment)
    check_layer(file, number, line)
    if is_source then
      check_calls(file, number, bare(line))
      check_floats(file, number, bare(line))
      if holds_sql(line) and not file:match("^src/charge/") and not file:match("^src/io/migrate") and not file:match("^src/io/grants") then
        fault(file, number, "SQL lives in store.lua, src/charge, src/io/migrate and src/io/grants")
      end
    end
  end
end

--- In Lua: handler → schema, service; service → rules, store, other services; rules → core; nobody else's store.
local function check_require(file, number, line)
  local feature, part = file:match("^lua/([%w_]+)/([%w_]+)")
  local wanted, wanted_part = line:match("require%s*%(?%s*[\"']([%w_]+)%.([%w_]+)")
  if not feature or not wanted then
    return
  end
  if part == "rules" and wanted ~= "core" and wanted ~= feature then
    fault(file, number, "rules use core and what is beside them, nothing else")
  elseif feature == "core" and wanted ~= "core" then
    fault(file, number, "core uses core, nothing else")
  elseif wanted_part == "store" and (wanted ~= feature or part == "handler" or part == "rules" or part == "schema") then
    fault(file, number, "a store is used by the service of its feature only")
  elseif wanted_part == "handler" then
    fault(file, number, "only app.lua uses handlers")
  end
end

local function check_lua(file, lines)
  local is_spec = file:match("_spec%.lua$") -- its `describe` says it
  if not is_spec and not (lines[1] or ""):match("^%-%-%-?[ @]") and not (lines[1] or ""):match("^#!") then
    fault(file, 1, "the first line does not say what the file is: `--- What it is.`")
  end
  for number, line in ipairs(lines) do
    check_require(file, number, line)
    if line:match("__con" .. "cat") then
      fault(file, number, "a concatenation metamethod can crash Lua 5.4.4")
    end
    if file:match("^lua/") and not file:match("/store%.lua$") and holds_sql(line) then
      fault(file, number, "SQL lives in store.lua")
    end
  end
end

local function check_text(file, lines)
  for number, line in ipairs(lines) do
    for _, pattern in ipairs(MACHINE_PATHS) do
      if line:match("%f[%w%./]" .. pattern) and not line:match("%w" .. pattern) then
        fault(file, number, "names a path of one machine")
      end
    end
    if line:match("%f[%w]TO" .. "DO%f[%W]") or line:match("%f[%w]FIX" .. "ME%f[%W]") then
      fault(file, number, "what is left to do is an issue, not a comment")
    end
    if line:match("^<<<<<<< ") or line:match("^>>>>>>> ") then
      fault(file, number, "a merge left this")
    end
  end
end

for _, file in ipairs(tracked_files()) do
  local is_ours = not file:match("^tests/fixtures/") and not file:match("^tests/fuzz/corpus/") and not file:match("%.patch$")
    and not file:match("package%-lock%.json$") and file ~= "LICENSE"
  local lines = is_ours and read_lines(file)
  if lines then
    if file:match("%.[ch]$") then
      check_c(file, lines)
    elseif file:match("%.lua$") then
      check_lua(file, lines)
    end
    check_text(file, lines)
  end
end
os.exit(faults == 0)
