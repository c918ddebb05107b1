--- For the specs of rules: what the server's own doors answer, and what they were asked.
local world = { asked = {} }

world.AUTHOR = tg.id.new("key")
world.ACTIVE = ("a"):rep(64)
world.NEW = ("b"):rep(64)
world.RELEASE = ("c"):rep(64)

local DOORS <const> = { rules = 1, redis = 1, decks = 1, backtests = 1, within = 1, assume = 1 }
local real = {}
for name in pairs(DOORS) do
  real[name] = tg[name]
end

local function note(name, answer)
  return function(...)
    world.asked[#world.asked + 1] = { name, ... }
    if type(answer) == "function" then
      return answer(...)
    end
    return answer
  end
end

--- Sets the doors of tg anew; `answers` has those that answer otherwise.
function world.open(answers)
  local a = answers or {}
  world.asked = {}
  tg.rules = {
    release = note("release", function()
      return {
        id = world.RELEASE, files = { { path = "pricing/rules.lua", source = "the release's\n" } },
        hooks = { { hook = "pricing.rate_usage", path = "pricing/rules.lua", cases = 3 } },
      }
    end),
    check = note("check", a.check or function()
      return { id = world.NEW, ok = true, faults = {},
        hooks = { { hook = "pricing.rate_usage", path = "pricing/rules.lua", cases = 2 } } }
    end),
    call = note("call", a.call or function(_, input)
      local event = input.event
      if event.actor == event.author and not event.alone then
        return { state = "refused", done = true, reason = "reviewer_is_author" }
      end
      return { state = "approved", done = true, reason = event.alone and "author_is_alone" or nil }
    end),
    dry_run = note("dry_run", a.dry_run),
    wake = note("wake"),
  }
  tg.redis = { call = note("redis", a.redis) }
  tg.decks = { get = note("get", "a deck") }
  tg.backtests = { page = note("page", a.page) }
  tg.within = function(_, f, ...)
    return f(...)
  end
  tg.assume = note("assume")
end

--- Was the door asked? Its arguments.
function world.was_asked(name)
  for _, call in ipairs(world.asked) do
    if call[1] == name then
      return table.unpack(call, 2)
    end
  end
end

function world.close()
  for name in pairs(DOORS) do
    tg[name] = real[name]
  end
end

return world
