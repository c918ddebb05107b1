--- Price pack "twilio": calls by the whole minute, cheaper above a volume that all kinds of call fill together, numbers
-- by the month, people by the month in which they logged in.
-- Published: support.twilio.com 223132307 (a minute that is begun is billed), 223183328 (volume: the minutes of all
-- kinds of call count together, after 500,000 in a month the next one is cheaper; numbers after 1,000), 47882410772123
-- (Flex: 35 USD for each user who logs in at least once in the month, whatever the role). The prices of that example
-- are the defaults; where it gives none for the volume the first stays. plan.prices has the customer's own.
--
-- The call's direction says which price: inbound, outbound; the property toll_free makes an inbound one toll-free.
local twilio = {}

local MINUTES <const> = "500000"
local NUMBERS <const> = "1000"

local function tiers(shares, up_to, first, then_)
  return {
    model = "graduated", shares = shares, tiers = { { up_to = up_to, price = first }, { price = then_ or first } },
  }
end

local PRICES <const> = {
  ["voice.inbound"] = tiers("voice", MINUTES, "0.0085", "0.0080"),
  ["voice.outbound"] = tiers("voice", MINUTES, "0.013"),
  ["voice.toll_free"] = tiers("voice", MINUTES, "0.022"),
  ["number.month"] = tiers("numbers", NUMBERS, "1.00", "0.50"),
  ["number.toll_free_month"] = tiers("numbers", NUMBERS, "2.00"),
  ["seat.active_month"] = { model = "per_seat", price = "35" },
}

function twilio.price(meter)
  return PRICES[meter]
end

function twilio.call(call)
  if call.status ~= "answered" or call.duration_ms <= 0 then
    return nil
  end
  local minutes = (call.duration_ms + 59999) // 60000
  local kind = call.direction == "inbound" and "inbound" or "outbound"
  if call.properties and call.properties.toll_free then
    kind = "toll_free"
  end
  return minutes * 60, { { meter = "voice." .. kind, quantity = minutes } }
end

return twilio
