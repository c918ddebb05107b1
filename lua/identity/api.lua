--- What callers may rely on: companies and keys.
local approvals = require("approvals.schema")
local openapi = require("core.openapi")
local schema = require("identity.schema")
local shapes = require("core.shapes")
local v = require("core.validate")

local company <const> = v.object({
  id = shapes.id("co"),
  parent = v.described(v.or_null(shapes.id("co")), "null: the platform itself"),
  name = shapes.text,
  external_ref = v.described(v.or_null(shapes.text), "the parent's own name for it"),
  status = shapes.one_of({ "active", "suspended" }),
  currency = shapes.currency,
  timezone = shapes.text,
  country = v.or_null(shapes.text),
  rate_deck = v.or_null(shapes.id("deck")),
  pricing = v.or_null(shapes.object),
  limits = v.described(v.or_null(shapes.object), "of its calls"),
  settings = v.described(v.or_null(schema.settings), "the company's own; null: none"),
  created_at = shapes.instant,
  updated_at = shapes.instant,
})

local key_fields <const> = {
  id = shapes.id("key"),
  company = shapes.id("co"),
  name = shapes.text,
  permissions = shapes.list(shapes.text),
  created_at = shapes.instant,
  expires_at = v.or_null(shapes.instant),
  revoked_at = v.or_null(shapes.instant),
  last_used_at = v.or_null(shapes.instant),
}
local key <const> = v.object(key_fields)

local me <const> = v.object({
  id = shapes.id("usr"), company = shapes.id("co"), email = shapes.text, name = shapes.text,
  totp_enabled = v.described(shapes.flag, "a second factor is asked for at each login"),
  recovery_codes_left = shapes.count,
})
local session <const> = v.object({
  id = shapes.id("ses"), expires_at = shapes.instant,
  fresh_until = v.described(shapes.instant, "until then the password need not be given again"),
})

local function with_text()
  local fields = { key = v.optional(v.described(shapes.text, "the key itself: shown in this one answer, never again")) }
  for name, shape in pairs(key_fields) do
    fields[name] = shape
  end
  return v.object(fields)
end

local ABOUT <const> = "A tree of companies: the platform, those it sells to, those they sell to. A key acts for one, "
  .. "and for all below it."

return openapi.section("identity", "Companies and keys", ABOUT, {
  me = {
    summary = "Who asks: a key, or a person who has signed in; and the company they act in",
    answers = {
      [200] = v.object({
        company = v.described(company, "the one that is acted in: see Tollgate-Company"), key = v.or_null(key),
        user = v.or_null(me), session = v.or_null(session),
        csrf = v.described(v.or_null(shapes.text), "of a session: for X-CSRF-Token, with a cookie"),
      }),
    },
  },
  create_company = {
    summary = "Create a company below another",
    description = "With an `external_ref` that is there already, nothing changes and the company comes back with 200.",
    body = schema.company_create,
    answers = { [200] = company, [201] = company },
    refusals = { [404] = "There is no such parent, or no such rate deck" },
    once = true,
    example = { body = { name = "Acme Support", currency = "USD", timezone = "Europe/Berlin", country = "DE" } },
  },
  companies = {
    summary = "List companies, own and below", query = schema.company_list,
    answers = { [200] = shapes.counted_page(company) },
  },
  company = { summary = "One company", ids = { id = "co" }, answers = { [200] = company }, etag = true },
  change_company = {
    etag = true,
    summary = "Change a company below",
    ids = { id = "co" },
    description = "What a company pays (deck, pricing, zone, status) and how much it may call (limits) is changed by "
      .. "one above it, never by itself. To suspend one needs a second person: 202, and nothing has happened before "
      .. "somebody approves.\n\n"
      .. "`settings` are the company's own, and changed by whoever may do everything there (`*`), who must have given "
      .. "their password or a code within the last five minutes. `policies` hold for the company's people and keys, "
      .. "wherever they act: what they forbid is 403 `policy_…`. Policies that would keep you from changing them back "
      .. "are refused. Pages of `cors_origins` may ask with the company's keys and sessions. With "
      .. "`second_factor` required, people who have none are 403 `second_factor_required` until they have set one up.",
    body = schema.company_change,
    answers = { [200] = company, [202] = approvals.approval },
    refusals = { [409] = "The external_ref is taken" },
    example = { body = { name = "Acme Support GmbH", pricing = { charge_decimals = 4, rounding = "half_even" } } },
  },
  create_key = {
    summary = "Create an API key",
    description = "Nobody gives a key more than they have. The text of the key is in the first answer only: a repeat "
      .. "with the same Idempotency-Key has it no more.",
    body = schema.key_create,
    answers = { [201] = with_text() },
    refusals = { [404] = "There is no such company" },
    once = true,
    example = { body = { name = "gateway 1", permissions = { "usage:write" } } },
  },
  rotate_key = {
    summary = "Replace an API key",
    description = "The new one has the same name, company and permissions, and is shown in the first answer only. The "
      .. "old one goes on for `overlap_seconds`, or until it would have ended before.",
    ids = { id = "key" }, body = schema.key_rotate, answers = { [201] = with_text() },
    refusals = { [409] = "The key is over" }, once = true,
    example = { body = { overlap_seconds = 3600 } },
  },
  keys = { summary = "List API keys", query = schema.key_list, answers = { [200] = shapes.counted_page(key) } },
  revoke_key = { summary = "Revoke an API key", ids = { id = "key" }, answers = { [204] = false } },
})
