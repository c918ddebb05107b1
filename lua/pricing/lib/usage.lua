--- What an event costs: by plan.prices or a price pack where they have a price for it (lib/metered.lua), else by the
-- deck (lib/calls.lua). The hook pricing.rate_usage, for rules of other features too: there `lib` is cap.lib.pricing.
local usage = {}

--- @return the result of pricing.rate_usage
function usage.rate(event, plan, state, cap, lib)
  if plan.prices or plan.pack then
    local result = lib.metered.rate(event, plan, state, cap, lib)
    if result then
      return result
    end
  end
  return lib.calls.rate(event, plan, state, cap, lib)
end

return usage
