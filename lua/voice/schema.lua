--- Shapes of the requests about voice endpoints. What providers send has their shape: vapi.lua, retell.lua.
local page = require("core.page")
local v = require("core.validate")

local schema = {}

schema.PROVIDERS = { "vapi", "retell" }

-- A secret is compared in headers: what cannot stand there is none.
local secret <const> = v.described(v.string({
  min = 16, max = 500, pattern = "^[!-~]+$", says = "must be visible ASCII characters",
}), "Vapi: what its credential holds. Retell: the API key with the webhook badge. It is never shown again.")
local name <const> = v.string({ min = 1, max = 200 })
local agent <const> = v.string({ min = 1, max = 200, pattern = "^[!-~]+$", says = "must be visible ASCII characters" })
local number <const> = v.string({
  min = 3, max = 16, pattern = "^%+%d+$", regex = "^\\+[0-9]+$", says = "must be a number such as +12125550100",
})
local meter <const> = v.string({
  min = 1, max = 64, pattern = "^[a-z][a-z0-9_.%-]*$", regex = "^[a-z][a-z0-9_.-]*$",
  says = "must be a meter, such as tts.characters",
})
local meters <const> = v.map({
  pattern = "^[%w_.%-]+$", regex = "^[A-Za-z0-9_.-]+$",
  says = "must be what the provider counts, such as voice.characters",
}, meter, 40)

local settings <const> = {
  authentication = v.optional(v.described(v.enum({ "secret", "hmac" }),
    "how Vapi proves itself: secret (when it is not given) comes in X-Vapi-Secret or as Authorization: Bearer; hmac "
      .. "signs, SHA-256 with the defaults of Vapi's HMAC credential. Retell always signs.")),
  agent_id = v.optional(v.described(agent, "the assistant or agent that takes an inbound call; without: Retell's "
    .. "number has its own, and Vapi's takes none")),
  reject_message = v.optional(v.described(v.string({ min = 1, max = 500 }), "what Vapi says to who may not call")),
  reject_forward_to = v.optional(v.described(number, "where Vapi sends who may not call, instead")),
  meters = v.optional(v.described(meters, "our meters by what the provider counts (`voice.characters`); what is not "
    .. "named is left out. Without: the usual ones.")),
  charge_seconds = v.optional(v.described(v.boolean(), "whether call.seconds is charged; true when it is not given")),
  max_minutes = v.optional(v.described(v.integer(1, 720), "how long a call may be, and what is held for at most; 30 "
    .. "when it is not given; 120 at most with Retell")),
  when_busy = v.optional(v.described(v.enum({ "reject", "allow" }), "when there is no decision in time; allow: the "
    .. "call is charged at its end, whatever the balance; reject when it is not given")),
}

local function with(more)
  local fields = { name = name }
  for key, shape in pairs(settings) do
    fields[key] = shape
  end
  for key, shape in pairs(more) do
    fields[key] = shape
  end
  return v.object(fields)
end

schema.endpoint = with({
  company = v.optional(v.described(v.id("co"), "whose calls they are: own or below; without: own")),
  provider = v.enum(schema.PROVIDERS), secret = secret,
})
schema.endpoint_settings = with({})
schema.endpoint_secret = v.object({ secret = secret })
schema.endpoint_list = page.query({ company = v.optional(v.id("co")) })

--- The settings of an endpoint, with what was left out.
---@param input table of schema.endpoint or schema.endpoint_settings
---@return table
function schema.settings_of(input)
  return {
    authentication = input.authentication or "secret", agent_id = input.agent_id,
    reject_message = input.reject_message, reject_forward_to = input.reject_forward_to, meters = input.meters,
    charge_seconds = input.charge_seconds ~= false, max_minutes = input.max_minutes or 30,
    when_busy = input.when_busy or "reject",
  }
end

return schema
