--- The route table and nothing else: method, path, permission, handler.
-- A route without a permission says why it is public, or the load fails. Bodies are bounded by the server's own limit
-- unless the route says otherwise.
local catalog = require("catalog.handler")
local charging = require("charging.handler")
local health = require("health.service")
local identity = require("identity.handler")
local service = require("identity.service")

local MIB <const> = 1 << 20

local function hello()
  return 200, { message = "hello" }
end

return {
  authenticate = service.authenticate,
  ready = health.ready,
  routes = {
    { method = "GET", path = "/v1/hello", handler = hello, public = "says that the server runs Lua, and nothing else" },

    { method = "GET", path = "/v1/me", handler = identity.me, permission = "me:read" },
    { method = "POST", path = "/v1/companies", handler = identity.create_company, permission = "companies:write" },
    { method = "GET", path = "/v1/companies", handler = identity.companies, permission = "companies:read" },
    { method = "GET", path = "/v1/companies/{id}", handler = identity.company, permission = "companies:read" },
    { method = "PATCH", path = "/v1/companies/{id}", handler = identity.change_company,
      permission = "companies:write" },
    { method = "POST", path = "/v1/api-keys", handler = identity.create_key, permission = "api_keys:write" },
    { method = "GET", path = "/v1/api-keys", handler = identity.keys, permission = "api_keys:read" },
    { method = "DELETE", path = "/v1/api-keys/{id}", handler = identity.revoke_key, permission = "api_keys:write" },

    { method = "POST", path = "/v1/rate-decks", handler = catalog.create_deck, permission = "rate_decks:write" },
    { method = "GET", path = "/v1/rate-decks", handler = catalog.decks, permission = "rate_decks:read" },
    { method = "GET", path = "/v1/rate-decks/{id}", handler = catalog.deck, permission = "rate_decks:read" },
    { method = "PUT", path = "/v1/rate-decks/{id}/rates", handler = catalog.put_rates, permission = "rate_decks:write",
      body_max = 16 * MIB, bulk = true },
    { method = "GET", path = "/v1/rate-decks/{id}/lookup", handler = catalog.lookup, permission = "rate_decks:read" },

    { method = "POST", path = "/v1/usage", handler = charging.ingest, permission = "usage:write",
      body_max = 8 * MIB, bulk = true },
    { method = "GET", path = "/v1/usage", handler = charging.usage, permission = "usage:read" },
    { method = "GET", path = "/v1/usage/summary", handler = charging.usage_summary, permission = "usage:read" },
    { method = "GET", path = "/v1/usage/{id}/explain", handler = charging.explain, permission = "usage:read" },

    { method = "GET", path = "/v1/wallets", handler = charging.wallets, permission = "wallets:read" },
    { method = "GET", path = "/v1/wallets/{id}", handler = charging.wallet, permission = "wallets:read" },
    { method = "GET", path = "/v1/wallets/{id}/entries", handler = charging.entries, permission = "wallets:read" },
  },
}
