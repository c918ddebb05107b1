--- What core/hooks.lua promises: each hook has a rule, is asked by whom it says, and by nobody else.
local lfs = require("lfs")
local rulebox = require("caps")
local hooks = assert(loadfile("lua/core/hooks.lua", "t", {}))()

local function read(path)
  local file <close> = assert(io.open(path, "rb"), path)
  return file:read("a")
end

local function sorted_names()
  local names = {}
  for name in pairs(hooks) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

-- Calls visit(path, text) for each file below a folder whose name ends so.
local function walk(folder, ending, visit)
  for name in lfs.dir(folder) do
    local path = folder .. "/" .. name
    if lfs.attributes(path, "mode") == "directory" and name:sub(1, 1) ~= "." then
      walk(path, ending, visit)
    elseif name:sub(-#ending) == ending then
      visit(path, read(path))
    end
  end
end

-- {[hook] = {path, …}}: every call of a rule by name, of application code and of C.
local function askers()
  local asked = {}
  local function note(path, text)
    for call, hook in text:gmatch("([%w_%.]+)%s*%([^()]-\"([a-z_]+%.[a-z_]+)\"") do
      if call:find("rules%.call$") or call:find("rule%a*_call$") then
        asked[hook] = asked[hook] or {}
        table.insert(asked[hook], (path:gsub("^%a+/", "")))
      end
    end
  end
  walk("src", ".c", note)
  walk("lua", ".lua", function(path, text)
    if not path:find("^lua/types/") then
      note(path, text)
    end
  end)
  return asked
end

describe("core/hooks.lua", function()
  local FAILURES <const> = { park = true, deny = true, default = true, refuse = true }

  for _, name in ipairs(sorted_names()) do
    local hook = hooks[name]

    it("says of " .. name .. " what it asks and what becomes of a failure", function()
      assert.matches("%?$", hook.summary)
      assert(FAILURES[hook.on_failure], "on_failure is none of park, deny, default, refuse")
      assert.matches("%.$", hook.says)
      assert(hook.budget_us > 0 and hook.budget_us <= 20000, "the budget is above the limit")
      assert(hook.input.record and hook.output.record, "input and output are records")
      assert(not hook.output.open, "an answer has no unknown fields")
      local money = hook.money and hook.output.record[hook.money]
      money = type(money) == "table" and money.type or money
      assert(not hook.money or (money and money:find("^decimal")), "money names no decimal of the answer")
    end)

    it("knows who asks " .. name, function()
      assert((hook.asked_by == nil) ~= (hook.awaits == nil), "it has asked_by or awaits, and not both")
      if hook.asked_by then
        local tree = hook.asked_by:find("%.c$") and "src/" or "lua/"
        assert(read(tree .. hook.asked_by):find('"' .. name .. '"', 1, true), hook.asked_by .. " does not ask it")
      end
    end)
  end

  it("declares whatever the code asks, and lets nobody ask before its time", function()
    local asked = askers()
    assert(asked["pricing.rate_usage"], "the search finds nothing")
    for name, paths in pairs(asked) do
      assert(hooks[name], table.concat(paths, ", ") .. " asks " .. name .. ", which is not declared")
      assert(hooks[name].asked_by, table.concat(paths, ", ") .. " asks " .. name .. ", which still awaits its feature")
    end
  end)

  for what, path in pairs({ doc = "lua/core/hooks.md", types = "lua/types/hooks.lua" }) do
    it("is what stands in " .. path, function()
      local command = "lua5.4 scripts/hooks.lua " .. what
      local program <close> = assert(io.popen(command))
      assert(program:read("a") == read(path), ("run: %s > %s"):format(command, path))
    end)
  end

  it("has one rule for each hook, with golden cases", function()
    if not rulebox then
      return pending("tgcaps.so is not built")
    end
    local found = {}
    for _, path in ipairs(rulebox.files("lua")) do
      for name, rule in pairs(rulebox.load("lua", path)) do
        assert(not found[name], name .. " has two rules")
        assert(#rule.cases >= 3, name .. " has too few cases")
        found[name] = true
      end
    end
    for name in pairs(hooks) do
      assert(found[name], name .. " has no rule")
    end
  end)
end)
