--- What callers may rely on: signing in.
local openapi = require("core.openapi")
local schema = require("sessions.schema")
local shapes = require("core.shapes")
local v = require("core.validate")

local session <const> = v.object({
  id = shapes.id("ses"), address = shapes.text, user_agent = shapes.text, created_at = shapes.instant,
  seen_at = shapes.instant, expires_at = shapes.instant, is_this = shapes.flag,
})

local NO_KEYS <const> = "The caller came with a key, which has no session"

local signed_in_fields <const> = {
  token = v.optional(v.described(shapes.text, "shown in this one answer; not with a cookie")),
  csrf = v.described(shapes.text, "for X-CSRF-Token, with a cookie"), session = shapes.id("ses"),
  expires_at = shapes.instant, mfa_required = v.described(shapes.flag, "false"),
  user = v.object({ id = shapes.id("usr"), company = shapes.id("co"), email = shapes.text, name = shapes.text }),
}
local signed_in <const> = v.object(signed_in_fields)

-- Either of the two.
local function signed_in_or_not_yet()
  local fields = { ticket = v.optional(v.described(shapes.text, "for POST /v1/auth/login/totp, within five minutes")) }
  for name, shape in pairs(signed_in_fields) do
    fields[name] = shape.optional and shape or v.optional(shape)
  end
  fields.mfa_required = v.described(shapes.flag, "true: a ticket and nothing else, the second factor is asked for")
  return v.object(fields)
end

local ABOUT <const> = "For people: a password, then a session that is used as a key is, or kept in a cookie."

return openapi.section("sessions", "Signing in", ABOUT, {
  login = {
    summary = "Sign in",
    description = "The token goes into `Authorization: Bearer <token>`. It ends after 12 hours without a request, and "
      .. "after 30 days in any case. Whoever fails often from one address waits: 429.\n\nA browser says `cookie: "
      .. "true`: then the session is in an HttpOnly cookie, and what is not GET repeats `csrf` in X-CSRF-Token.",
    body = schema.login,
    answers = { [200] = signed_in_or_not_yet() },
    refusals = { [401] = "The e-mail address or the password is wrong, or this user may not sign in" },
  },
  login_totp = {
    summary = "Sign in: the second step, with a code of the authenticator or a recovery code",
    body = schema.login_totp, answers = { [200] = signed_in },
    refusals = { [401] = "The ticket or the code is wrong, used or too old" },
  },
  logout = { summary = "Sign out", answers = { [204] = false }, refusals = { [403] = NO_KEYS } },
  reauthenticate = {
    summary = "Give the password again, or a code, before something dangerous",
    body = schema.reauthenticate, answers = { [200] = v.object({ fresh_until = shapes.instant }) },
    refusals = { [403] = NO_KEYS },
  },
  change_password = {
    summary = "Change one's own password; every other session ends",
    body = schema.change_password, answers = { [204] = false }, refusals = { [403] = NO_KEYS },
  },
  ask_reset = {
    summary = "Ask for a letter with a code to choose a new password",
    description = "The answer is the same whether somebody has the address or not. Who asks often from one address "
      .. "waits: 429. Nobody gets more than five letters an hour.",
    body = schema.ask_reset, answers = { [202] = v.object({ message = shapes.text }) },
    example = { body = { email = "nobody@example.com" } },
  },
  choose_password = {
    summary = "Choose a password with the code of an invitation or a reset",
    description = "The code works once. Every session of the user ends.",
    body = schema.choose_password, answers = { [204] = false },
  },
  sessions = { summary = "List one's own sessions", query = schema.list, answers = { [200] = shapes.page(session) },
    refusals = { [403] = NO_KEYS } },
  revoke = { summary = "End one of one's own sessions", ids = { id = "ses" }, answers = { [204] = false } },
})
