-- Longest prefix, 60/60, in nano-units that fit a double exactly.
local rates = { ["1"] = 12000000, ["44"] = 12000000, ["447"] = 30000000, ["49"] = 20000000 }
local quote = {}

function quote.price(to, duration_ms)
  for n = 8, 2, -1 do
    local rate = rates[to:sub(2, n)]
    if rate then
      local seconds = math.ceil(duration_ms / 60000) * 60
      return { amount = ("%.9f"):format(rate * seconds / 60 / 1e9), seconds = seconds }
    end
  end
end

return quote
