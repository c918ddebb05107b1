--- The functions that hooks_bench asks, called in plain Lua: nothing is copied, limited or checked.
-- Prints {"hook": µs}, CPU time, best of five. From the root of the tree; TOLLGATE_BUILD names the build.
package.path = "lua/?.lua;" .. package.path
local rulebox = require("core.rulebox")

local CALLS <const>, ROUNDS <const> = 3000, 5

-- A value that the function keeps.
local function kept(of, wanted)
  for i = 1, math.huge do
    local name, value = debug.getupvalue(of, i)
    if name == wanted or name == nil then
      return value
    end
  end
end

local function first_case(rule)
  for _, case in ipairs(rule.cases) do
    if not case.error then
      return case
    end
  end
end

local function time(rule)
  local case = first_case(rule)
  rule.decide(case.input, case) -- the box has its snapshot now
  local decide, cap, input = kept(rule.decide, "rule").decide, kept(rule.decide, "cap"), case.input
  local best = math.huge
  for _ = 1, ROUNDS do
    local begin = os.clock()
    for _ = 1, CALLS do
      decide(input, cap)
    end
    best = math.min(best, (os.clock() - begin) / CALLS * 1e6)
  end
  return best
end

local parts = {}
for _, path in ipairs(rulebox.files("lua")) do
  for hook, rule in pairs(rulebox.load("lua", path)) do
    parts[#parts + 1] = ("%q: %.3f"):format(hook, time(rule))
  end
end
print("{" .. table.concat(parts, ", ") .. "}")
