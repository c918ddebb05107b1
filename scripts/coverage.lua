--- Line coverage of our Lua, by a line hook.
--
--   lua5.4 -e 'dofile("scripts/coverage.lua").start()' PROGRAM…   counts, and writes into $LUA_COVERAGE_DIR at the end
--   lua5.4 scripts/coverage.lua DIR [FLOOR]                        reports what runs have written into DIR
--
-- A line can be covered when luac has made an instruction of it. Files of lua/ that no run has loaded count as not covered
-- at all; annotations (lua/types) are never run and do not count.
local coverage = {}

local hits = {} -- file → line → true
local lines_of = {} -- source → the lines of its file; false: none of ours

local function find_lines(source)
  local file = source:match("^@%.?/?(lua/.+%.lua)$") or source:match("^@.*/(lua/[%w_]+/[%w_]+%.lua)$")
  if file then
    hits[file] = hits[file] or {}
  end
  lines_of[source] = file and hits[file] or false
  return lines_of[source]
end

-- For every line that runs: nothing here may be slow.
local function hook(_, line)
  local source = debug.getinfo(2, "S").source
  local lines = lines_of[source]
  if lines == nil then
    lines = find_lines(source)
  end
  if lines then
    lines[line] = true
  end
end

local function write()
  local name = ("%s/%d-%s.txt"):format(os.getenv("LUA_COVERAGE_DIR"), os.time(), tostring({}):match("0x(%x+)"))
  local out <close> = assert(io.open(name, "w"))
  for file, lines in pairs(hits) do
    for line in pairs(lines) do
      out:write(file, " ", line, "\n")
    end
  end
end

--- Counts from here on, in every coroutine, until the program ends.
function coverage.start()
  if not os.getenv("LUA_COVERAGE_DIR") then
    return
  end
  debug.sethook(hook, "l")
  local create = coroutine.create
  function coroutine.create(f)
    local co = create(f)
    debug.sethook(co, hook, "l")
    return co
  end
  function coroutine.wrap(f)
    local co = coroutine.create(f)
    return function(...)
      local results = table.pack(coroutine.resume(co, ...))
      if not results[1] then
        error(results[2], 0)
      end
      return table.unpack(results, 2, results.n)
    end
  end
  local written = false
  local function finish()
    debug.sethook()
    if not written then
      written = true
      write()
    end
  end
  local exit = os.exit
  function os.exit(...) -- luacheck: ignore
    finish()
    exit(...)
  end
  -- busted calls os.exit only when something failed: otherwise the state is closed, and this with it.
  debug.getregistry().coverage_sentinel = setmetatable({}, { __gc = finish })
end

local function lines_of(command)
  local pipe <close> = assert(io.popen(command))
  local lines = {}
  for line in pipe:lines() do
    lines[#lines + 1] = line
  end
  return lines
end

local function read_hits(dir)
  for _, name in ipairs(lines_of(("ls %s/*.txt 2>/dev/null"):format(dir))) do
    for line in io.lines(name) do
      local file, number = line:match("^(%S+) (%d+)$")
      hits[file] = hits[file] or {}
      hits[file][math.tointeger(number)] = true
    end
  end
end

--- The lines of a file that can run: covered, and all of them.
local function count(file)
  local text = {}
  for line in io.lines(file) do
    text[#text + 1] = line
  end
  local can_run = {}
  for _, line in ipairs(lines_of(("luac5.4 -l -p %s"):format(file))) do
    local number = line:match("^%s*%d+%s+%[(%d+)%]")
    if number then
      can_run[math.tointeger(number)] = true
    end
  end
  local covered, all = 0, 0
  for number in pairs(can_run) do
    local is_hit = hits[file] and hits[file][number]
    -- the `end` of a function that has returned before is an instruction that never runs
    if is_hit or not (text[number] or ""):match("^%s*end[%s%),;}]*$") then
      all = all + 1
      covered = covered + (is_hit and 1 or 0)
    end
  end
  return covered, all
end

local function report(dir, floor)
  read_hits(dir)
  local covered, all, rows = 0, 0, {}
  for _, file in ipairs(lines_of("git ls-files -co --exclude-standard -- 'lua/*.lua'")) do
    if not file:match("^lua/types/") then
      local file_covered, file_all = count(file)
      covered, all = covered + file_covered, all + file_all
      rows[#rows + 1] = { file = file, percent = file_all == 0 and 100 or file_covered * 100 // file_all, all = file_all }
    end
  end
  table.sort(rows, function(a, b)
    return a.percent == b.percent and a.file < b.file or a.percent < b.percent
  end)
  for _, row in ipairs(rows) do
    print(("# %3d %%  %4d  %s"):format(row.percent, row.all, row.file))
  end
  local percent = all == 0 and 0 or covered * 1000 // all / 10
  local is_enough = all > 0 and percent >= floor
  print(("%s - Lua: %.1f %% of %d lines are covered (floor %.0f %%)"):format(is_enough and "ok" or "not ok", percent, all, floor))
  return is_enough
end

if arg and arg[0] and arg[0]:match("coverage%.lua$") then
  os.exit(report(arg[1], tonumber(arg[2] or 0)))
end
return coverage
