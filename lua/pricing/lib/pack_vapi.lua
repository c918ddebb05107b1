--- Price pack "vapi": a fee for the platform by the second, what providers cost as it is, nothing on own keys.
-- Published: docs.vapi.ai/pricing (0.05 USD a minute, prorated to the second), docs.vapi.ai/billing/cost-routing
-- (providers at cost; no charge with an own key), docs.vapi.ai/calls/call-concurrency (10 lines included, 10 USD a
-- month for each more).
local vapi = {}

local PRICES <const> = {
  platform = { model = "per_unit", price = "0.05", per = 60 },
  ["concurrency.line_month"] = { model = "per_seat", price = "10", included = 10 },
}

--- What passes on at cost.
local AT_COST <const> = { model = "percentage", rate = "100", of = "cost" }
local PROVIDERS <const> = { "telephony", "stt", "llm", "tts" }

function vapi.price(meter, _, text)
  for _, provider in ipairs(PROVIDERS) do
    if meter == provider or text.starts_with(meter, provider .. ".") or text.starts_with(meter, provider .. "_") then
      return AT_COST
    end
  end
  return PRICES[meter]
end

function vapi.call(call)
  if call.status ~= "answered" or call.duration_ms <= 0 then
    return nil
  end
  local seconds = (call.duration_ms + 999) // 1000
  return seconds, { { meter = "platform", quantity = seconds } }
end

return vapi
