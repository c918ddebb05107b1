--- What callers may rely on: tokens for realtime connections.
local openapi = require("core.openapi")
local shapes = require("core.shapes")
local v = require("core.validate")

local key <const> = v.object({
  kty = shapes.one_of({ "OKP" }), crv = shapes.one_of({ "Ed25519" }), alg = shapes.one_of({ "EdDSA" }),
  use = shapes.one_of({ "sig" }), kid = v.described(shapes.text, "the key's thumbprint, RFC 7638"),
  x = v.described(shapes.text, "the public key, base64url"),
})

local ABOUT <const> = "Tokens for connections that are pushed to, and the keys that prove them."

return openapi.section("realtime", "Realtime", ABOUT, {
  create_token = {
    summary = "A token for a realtime connection",
    description = "A JWT signed with EdDSA, for five minutes: `sub` is the user or the key, `sid` the session, `co` "
      .. "the company, `aud` is `tollgate:realtime`.",
    answers = { [200] = v.object({ token = shapes.text, expires_at = shapes.instant }) },
    refusals = { [503] = "Busy; or the server has no master key to keep signing keys under" },
  },
  keys = {
    summary = "The public keys that such tokens are signed with (RFC 7517)",
    description = "A key is here an hour before it signs, and as long as a token that it has signed lives.",
    answers = { [200] = v.object({ keys = shapes.list(key) }) },
  },
})
