--- What callers may rely on: voice endpoints, where Vapi and Retell ask and tell.
local openapi = require("core.openapi")
local schema = require("voice.schema")
local shapes = require("core.shapes")
local v = require("core.validate")

local endpoint <const> = v.object({
  id = shapes.id("voi"), company = shapes.id("co"), provider = shapes.one_of(schema.PROVIDERS), name = shapes.text,
  webhook = v.described(shapes.text, "the path of the address to give to the provider"),
  authentication = shapes.one_of({ "secret", "hmac" }), agent_id = v.or_null(shapes.text),
  reject_message = v.or_null(shapes.text), reject_forward_to = v.or_null(shapes.text),
  meters = v.described(v.or_null(shapes.map(shapes.text)), "null: the usual ones"), charge_seconds = shapes.flag,
  max_minutes = shapes.count, when_busy = shapes.one_of({ "reject", "allow" }), created_at = shapes.instant,
  updated_at = shapes.instant,
})

local foreign <const> = v.described(shapes.object, "as the provider documents it")
local vapi_answer <const> = v.described(v.object({
  assistantId = v.optional(shapes.text),
  assistantOverrides = v.optional(v.object({ maxDurationSeconds = shapes.count })),
  error = v.optional(shapes.text),
  destination = v.optional(v.object({ type = shapes.one_of({ "number" }), phoneNumber = shapes.text })),
}), "to an assistant-request: the call may begin, or not")
local retell_answer <const> = v.described(v.object({
  call_inbound = v.object({
    override_agent_id = v.optional(shapes.text), metadata = v.optional(shapes.map(shapes.text)),
    agent_override = v.optional(v.object({ agent = v.object({ max_call_duration_ms = shapes.count }) })),
  }),
}), "to call_inbound: the call may begin; empty: it may not")

local BUSY <const> = "Told to nobody else: send it again"
local REFUSALS <const> = {
  [403] = "`bad_signature`: not signed with the endpoint's secret, or too long ago", [503] = BUSY,
  [422] = "`unusable_report`: it does not say what a call was",
}

local ABOUT <const> = "Both ask and tell by webhooks: their calls are charged without a gateway of one's own."

return openapi.section("voice", "Vapi and Retell", ABOUT, {
  create_endpoint = {
    summary = "Create an endpoint for Vapi or Retell",
    description = "Gives the address that an agency enters at its provider: inbound calls are then authorized when "
      .. "they come in, answered in the provider's own words, and end when the money does; all are charged at their "
      .. "end. An inbound call is priced by the number that was called, with direction inbound, in the company's deck. "
      .. "Vapi: the server URL of a number without an assistant, with server messages assistant-request, "
      .. "status-update and end-of-call-report. Retell: the inbound webhook of a number without an agent of its own "
      .. "(one that has an agent is not declined), and the agent's webhook.",
    body = schema.endpoint, answers = { [201] = endpoint }, once = true,
    example = {
      body = {
        provider = "vapi", name = "Front desk", secret = "9f2c4e7a1b8d5036", agent_id = "asst-front-desk",
        max_minutes = 15,
      },
    },
  },
  endpoints = {
    summary = "List voice endpoints", description = "The newest first.", query = schema.endpoint_list,
    answers = { [200] = shapes.page(endpoint) },
  },
  endpoint = { summary = "One voice endpoint", ids = { id = "voi" }, answers = { [200] = endpoint }, etag = true },
  change_endpoint = {
    summary = "Change a voice endpoint",
    description = "Its name and all settings: what is left out is as in a new one.",
    ids = { id = "voi" }, body = schema.endpoint_settings, answers = { [200] = endpoint }, etag = true,
    example = { body = { name = "Front desk", agent_id = "asst-front-desk", max_minutes = 20 } },
  },
  set_endpoint_secret = {
    summary = "Give a voice endpoint another secret", description = "The one before is good for nothing at once.",
    ids = { id = "voi" }, body = schema.endpoint_secret, answers = { [204] = false },
    example = { body = { secret = "0c5d9e8f7a6b4132" } },
  },
  delete_endpoint = {
    summary = "Delete a voice endpoint",
    description = "Its calls that are under way are not told of any more, and expire.",
    ids = { id = "voi" }, answers = { [204] = false },
  },
  vapi = {
    summary = "What Vapi sends to a server URL", ids = { id = "voi" }, body = foreign,
    description = "https://docs.vapi.ai/server-url/events. Messages that concern no call's money are taken, and "
      .. "nothing comes of them.",
    answers = { [200] = vapi_answer, [204] = false }, refusals = REFUSALS,
  },
  retell = {
    summary = "What Retell sends to a webhook", ids = { id = "voi" }, body = foreign,
    description = "https://docs.retellai.com/features/inbound-call-webhook and "
      .. "https://docs.retellai.com/features/webhook. Events that concern no call's money are taken, and nothing "
      .. "comes of them.",
    answers = { [200] = retell_answer, [204] = false }, refusals = REFUSALS,
  },
})
