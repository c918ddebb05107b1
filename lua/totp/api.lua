--- What callers may rely on: second factors.
local openapi = require("core.openapi")
local schema = require("totp.schema")
local shapes = require("core.shapes")
local v = require("core.validate")

local recovery_codes <const> = v.object({
  recovery_codes = v.described(shapes.list(shapes.text), "ten, shown in this one answer; each signs in once"),
})

local NO_KEYS <const> = "The caller came with a key, which has no second factor, or must reauthenticate first"
local NO_MASTER_KEY <const> = "Busy; or the server has no master key to keep the secret under"

return openapi.section("totp", "Signing in: the second factor", "A code of an authenticator besides the password.", {
  begin = {
    summary = "Begin with a second factor (TOTP)",
    description = "The secret goes into an authenticator and is not shown again. Nothing is asked for until a first "
      .. "code has confirmed it.",
    answers = {
      [200] = v.object({
        secret = v.described(shapes.text, "base32"),
        uri = v.described(shapes.text, "otpauth://…, as a QR code or a link"),
      }),
    },
    refusals = { [403] = NO_KEYS, [409] = "It is on already", [503] = NO_MASTER_KEY },
  },
  confirm = {
    summary = "Confirm the second factor with a first code: from now on it is asked for, and every other session ends",
    body = schema.confirm, answers = { [200] = recovery_codes },
    refusals = { [403] = NO_KEYS, [409] = "It was not begun, or is on already", [503] = NO_MASTER_KEY },
  },
  renew_codes = {
    summary = "Ten fresh recovery codes; the ones before are worth nothing",
    answers = { [200] = recovery_codes },
    refusals = { [403] = NO_KEYS, [409] = "There is no second factor", [503] = NO_MASTER_KEY },
  },
  take_away = {
    summary = "Turn somebody's second factor off, who has lost it and the recovery codes, and sign them out",
    description = "By whoever may do all that they may. They sign in with the password alone until they begin again.",
    ids = { id = "usr" }, answers = { [204] = false }, refusals = { [409] = "There is no second factor" },
  },
  disable = {
    summary = "Turn the second factor off; every other session ends",
    body = schema.disable, answers = { [204] = false },
    refusals = { [403] = NO_KEYS, [409] = "There is no second factor" },
  },
})
