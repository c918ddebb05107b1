--- Numbers that are random and the same in each run, for properties that hold whatever the input.
--
--   local dice = require("dice").new(7)
--   dice(6)            1 to 6
--   dice.one(list)     one of them
local dice = {}

function dice.new(seed)
  local state = seed
  local function roll(sides)
    state = state * 6364136223846793005 + 1442695040888963407
    return (state >> 33) % sides + 1
  end
  return setmetatable({
    one = function(list)
      return list[roll(#list)]
    end,
  }, { __call = function(_, sides)
    return roll(sides)
  end })
end

return dice
