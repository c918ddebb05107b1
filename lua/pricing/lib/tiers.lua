--- Graduated price tiers over the charged seconds of a period (rating.md R13).
local tiers = {}

--- Splits charged seconds at the bounds of the tiers.
-- @param list      {{up_to_s = integer|nil, per_minute}, …}, ascending; the last one has no end
-- @param counter   charged seconds of the period so far
-- @param part      function(from_s, seconds, per_minute) for each tier that is met
function tiers.split(list, counter, from_s, seconds, part)
  local last = #list
  for i, tier in ipairs(list) do
    local room = (i == last or tier.up_to_s == nil) and seconds or tier.up_to_s - counter
    local taken = math.min(room, seconds)
    if taken > 0 then
      part(from_s, taken, tier.per_minute)
      counter, from_s, seconds = counter + taken, from_s + taken, seconds - taken
    end
  end
end

return tiers
