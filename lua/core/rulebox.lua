--- Loads rule files as the server does, for tests that run with nothing else running.
-- The environment and the capabilities are the server's own C code (tgcaps.so, built beside the program); a name that
-- is not in core/allow.lua is an error here too. Under busted the methods of strings are Lua's.
--
--   local rulebox = require "core.rulebox"
--   local rules = rulebox.load("lua", "pricing/rules.lua")
--   local result = rules["pricing.rate_usage"].decide(input, { deck = { {prefix = "1", …} } })
package.cpath = package.cpath .. ";" .. (os.getenv("TOLLGATE_BUILD") or "build") .. "/?.so"
local tgcaps = require("tgcaps")

local rulebox = { tgcaps = tgcaps }

--- µs of an RFC 3339 time.
rulebox.time = tgcaps.time

local function run_file(path, env)
  local chunk = assert(loadfile(path, "t", env))
  return chunk()
end

--- What the rule's `needs` names, and nothing else.
local function capabilities(rule, box, root, feature)
  local cap, libs = {}, {}
  for _, need in ipairs(rule.needs or {}) do
    local name = need:match("^lib%.(.+)$")
    if name then
      local path = ("%s/%s/lib/%s.lua"):format(root, feature, name)
      libs[name] = tgcaps.freeze(run_file(path, box:env()), path)
    else
      cap[need] = assert(box:cap(need), "there is no capability " .. need)
    end
  end
  cap.lib = tgcaps.freeze(libs, "cap.lib")
  return tgcaps.freeze(cap, "cap")
end

local function open(rule, box, root, feature)
  assert(rule.api == 1 and type(rule.hook) == "string" and type(rule.decide) == "function", "not a rule")
  local cap = capabilities(rule, box, root, feature)
  local function decide(input, snapshot)
    box:set_deck(snapshot and snapshot.deck and tgcaps.deck(snapshot.deck))
    return rule.decide(input, cap)
  end
  return { hook = rule.hook, decide = decide, cases = rule.cases or {} }
end

--- The rules of a file by their hook.
-- @param root  folder of the Lua tree
-- @param path  "<feature>/rules.lua"
function rulebox.load(root, path)
  local box = tgcaps.new(run_file(root .. "/core/allow.lua", {}))
  local rules = run_file(root .. "/" .. path, box:env())
  local opened = {}
  for _, rule in ipairs(rules.hook and { rules } or rules) do
    opened[rule.hook] = open(rule, box, root, path:match("^[^/]+"))
  end
  return opened
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

--- Makes an `it` of each golden case of a rule.
function rulebox.it(rule, it)
  for _, case in ipairs(rule.cases) do
    it(case.name, function()
      local why = rulebox.difference(case.want, rule.decide(case.input, case))
      assert(why == nil, why)
    end)
  end
end

return rulebox
