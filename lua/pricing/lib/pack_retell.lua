--- Price pack "retell": every part of the agent by the minute of one billed duration.
-- Published: docs.retellai.com/accounts/billing-exceptions. A call under 10 s that the agent opened with a dynamic
-- message is billed as 10 s; with more than 3500 prompt tokens the duration is multiplied by tokens ÷ 3500 and rounded
-- up. Where both apply the longer one counts: the page does not say, and gives the factor for the original duration.
--
-- options.per_minute = {voice = "0.07", llm = "0.006", …}: the parts; their meters are retell.<part>.
-- The call's properties: prompt_tokens, dynamic_opening (the agent speaks first, with a dynamic message).
local retell = {}

local TOKENS_FREE <const> = 3500
local OPENING_S <const> = 10

--- The seconds that are billed.
function retell.billed_s(call)
  local properties = call.properties or {}
  local tokens = properties.prompt_tokens or 0
  local duration_ms = call.duration_ms
  if tokens > TOKENS_FREE then
    duration_ms = (duration_ms * tokens + TOKENS_FREE - 1) // TOKENS_FREE
  end
  local seconds = (duration_ms + 999) // 1000
  return properties.dynamic_opening and math.max(seconds, OPENING_S) or seconds
end

function retell.price(meter, options, text)
  local parts = options.per_minute or {}
  local price = text.starts_with(meter, "retell.") and parts[meter:sub(#"retell." + 1)]
  return price and { model = "per_unit", price = price, per = 60 } or nil
end

function retell.call(call, options)
  if call.status ~= "answered" or call.duration_ms <= 0 then
    return nil
  end
  local seconds, parts = retell.billed_s(call), {}
  for name in pairs(options.per_minute or {}) do
    parts[#parts + 1] = { meter = "retell." .. name, quantity = seconds }
  end
  if #parts == 0 then
    error("the pack retell needs pack_options.per_minute", 0)
  end
  return seconds, parts
end

return retell
