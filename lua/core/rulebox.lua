--- Loads rule files as the server does, for tests that run with nothing else running.
-- The environment and the capabilities are the server's own C code (tgcaps.so, built beside the program): a name that
-- core/allow.lua has not is an error here too, what a rule answers is checked against core/hooks.lua, and what it keeps
-- in tables is read-only. Under busted the methods of strings are Lua's.
--
--   local rulebox = require("core.rulebox")
--   rulebox.spec("lua", describe, it)                         each golden case of each rule file becomes an `it`
--
--   local rules = rulebox.load("lua", "pricing/rules.lua")
--   local result = rules["pricing.rate_usage"].decide(input, { deck = { {prefix = "1", …} } })
package.cpath = package.cpath .. ";" .. (os.getenv("TOLLGATE_BUILD") or "build") .. "/?.so"
local lfs = require("lfs")
local tgcaps = require("tgcaps")

local rulebox = { tgcaps = tgcaps }

--- µs of an RFC 3339 time.
rulebox.time = tgcaps.time

-- The tree that this file is in: the environment and the hooks belong to it, and what a folder of rules leaves out.
local HOST <const> = debug.getinfo(1, "S").source:match("^@(.*)/core/rulebox%.lua$") or "lua"

local function run_file(path, env)
  local chunk = assert(loadfile(path, "t", env))
  return chunk()
end

local hooks <const> = tgcaps.hooks(run_file(HOST .. "/core/hooks.lua", {}))

-- Of the folder of rules, or of the release.
local function run_lib(path, root, box)
  local own = root .. "/" .. path
  local lib = run_file(lfs.attributes(own, "mode") and own or HOST .. "/" .. path, box:env())
  return tgcaps.freeze(lib, path)
end

--- What the rule's `needs` names, and nothing else. "lib.tiers" of pricing/rules.lua is pricing/lib/tiers.lua, and
-- "lib.pricing.tiers" is that for everybody.
local function capabilities(rule, box, root, feature)
  local cap, libs = {}, {}
  for _, need in ipairs(rule.needs or {}) do
    local other, name = need:match("^lib%.([^.]+)%.([^.]+)$")
    local own = need:match("^lib%.([^.]+)$")
    if own then
      libs[own] = run_lib(("%s/lib/%s.lua"):format(feature, own), root, box)
    elseif other then
      libs[other] = libs[other] or {}
      libs[other][name] = run_lib(("%s/lib/%s.lua"):format(other, name), root, box)
    else
      cap[need] = assert(box:cap(need), "there is no capability " .. need)
    end
  end
  cap.lib = tgcaps.freeze(libs, "cap.lib")
  return tgcaps.freeze(cap, "cap")
end

-- The snapshot of a call, or nothing of it.
local function take_snapshot(box, snapshot)
  box:set_deck(snapshot.deck and tgcaps.deck(snapshot.deck))
  box:set_fx(snapshot.fx and tgcaps.fx(snapshot.fx))
  box:set_flags(snapshot.flags)
end

local function open(rule, box, root, path)
  assert(rule.api == 1 and type(rule.hook) == "string" and type(rule.decide) == "function", "not a rule")
  local cap = capabilities(rule, box, root, path:match("^[^/]+"))
  tgcaps.freeze(rule.decide, path)
  local function decide(input, snapshot)
    take_snapshot(box, snapshot or {})
    local result, why = hooks:take(rule.hook, "result", rule.decide(input, cap))
    return assert(result, why and rule.hook .. ": " .. why)
  end
  return { hook = rule.hook, path = path, decide = decide, cases = rule.cases or {} }
end

--- The rules of a file by their hook.
-- @param root  folder of the rules
-- @param path  "<feature>/rules.lua"
function rulebox.load(root, path)
  local box = tgcaps.new(run_file(HOST .. "/core/allow.lua", {}))
  local rules = run_file(root .. "/" .. path, box:env())
  local opened = {}
  for _, rule in ipairs(rules.hook and { rules } or rules) do
    opened[rule.hook] = open(rule, box, root, path)
  end
  return opened
end

--- The rule files of a folder: {"alerts/rules.lua", …}, sorted.
function rulebox.files(root)
  local paths = {}
  for feature in lfs.dir(root) do
    local path = feature .. "/rules.lua"
    if feature ~= "types" and lfs.attributes(root .. "/" .. path, "mode") then
      paths[#paths + 1] = path
    end
  end
  table.sort(paths)
  return paths
end

--- Where `got` lacks what `want` says, as a sentence; nil when it has all of it. Decimals compare by their text.
function rulebox.difference(want, got, place)
  place = place or "result"
  if type(want) ~= "table" then
    local text = type(got) == "userdata" and tostring(got) or got
    if text ~= want then
      return ("%s is %s, not %s"):format(place, tostring(text), tostring(want))
    end
    return nil
  end
  if type(got) ~= "table" then
    return ("%s is %s, not a table"):format(place, tostring(got))
  end
  if #want > 0 and #want ~= #got then
    return ("%s has %d entries, not %d"):format(place, #got, #want)
  end
  for key, value in pairs(want) do
    local why = rulebox.difference(value, got[key], place .. "." .. tostring(key))
    if why then
      return why
    end
  end
  return nil
end

--- Runs a golden case.
-- @return nil, or what is wrong with it
function rulebox.try(rule, case)
  local input, why = hooks:take(rule.hook, "input", case.input)
  if input == nil then
    return why
  end
  local ok, result = pcall(rule.decide, input, case)
  if case.error then
    if ok then
      return ("it decided, instead of failing with '%s'"):format(case.error)
    end
    return not tostring(result):find(case.error, 1, true) and tostring(result) or nil
  end
  return not ok and tostring(result) or rulebox.difference(case.want, result)
end

--- Makes an `it` of each golden case of a rule.
function rulebox.it(rule, it)
  for _, case in ipairs(rule.cases) do
    it(case.name, function()
      local why = rulebox.try(rule, case)
      assert(why == nil, why)
    end)
  end
end

--- Makes an `it` of each golden case below a folder, with busted's describe and it.
function rulebox.spec(root, describe, it)
  for _, path in ipairs(rulebox.files(root)) do
    for hook, rule in pairs(rulebox.load(root, path)) do
      describe(hook, function()
        rulebox.it(rule, it)
      end)
    end
  end
end

return rulebox
