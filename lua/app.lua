--- The route table and nothing else: method, path, permission, operation.
-- A route without a permission says why it is public, or the load fails. Bodies are bounded by the server's own limit
-- unless the route says otherwise. What a route writes goes into the audit log, or `audit` says why not. `step_up`: a
-- person gives their password once more before it, a key need not. Policies of the caller's company are asked first
-- (policies/service.lua), or `no_policy` says why not; `enrolled`: not before a second factor that the company demands.
-- An operation is a function of <feature>/handler.lua and what <feature>/api.lua promises of it.
local audit_service = require("audit.service")
local health = require("health.service")
local identity_service = require("identity.service")
local openapi = require("core.openapi")
local policies_service = require("policies.service")
local sessions_service = require("sessions.service")

local alerts = openapi.feature("alerts")
local allowances = openapi.feature("allowances")
local approvals = openapi.feature("approvals")
local audit = openapi.feature("audit")
local calls = openapi.feature("calls")
local catalog = openapi.feature("catalog")
local charging = openapi.feature("charging")
local corrections = openapi.feature("corrections")
local document = openapi.feature("document")
local identity = openapi.feature("identity")
local realtime = openapi.feature("realtime")
local rules = openapi.feature("rules")
local sessions = openapi.feature("sessions")
local totp = openapi.feature("totp")
local users = openapi.feature("users")
local voice = openapi.feature("voice")
local wallets = openapi.feature("wallets")

local MIB <const> = 1 << 20
local CALL_IS_ITS_RECORD <const> = "the call's own row says when, with which rules and for how much"

return {
  authenticate = sessions_service.authenticate,
  ready = health.ready,
  origins = identity_service.origins,
  refused = audit_service.refused,
  routes = audit_service.watched(openapi.routes({
    { method = "GET", path = "/v1/hello", operation = document.hello, public = "it says hello, and no more" },
    { method = "GET", path = "/openapi.json", operation = document.openapi, public = "the API is no secret" },

    { method = "GET", path = "/v1/me", operation = identity.me, permission = "me:read" },
    { method = "POST", path = "/v1/companies", operation = identity.create_company, permission = "companies:write" },
    { method = "GET", path = "/v1/companies", operation = identity.companies, permission = "companies:read" },
    { method = "GET", path = "/v1/companies/{id}", operation = identity.company, permission = "companies:read" },
    { method = "PATCH", path = "/v1/companies/{id}", operation = identity.change_company,
      permission = "companies:write" },
    { method = "POST", path = "/v1/api-keys", operation = identity.create_key, permission = "api_keys:write",
      step_up = true },
    { method = "POST", path = "/v1/api-keys/{id}/rotate", operation = identity.rotate_key,
      permission = "api_keys:write", step_up = true },
    { method = "GET", path = "/v1/api-keys", operation = identity.keys, permission = "api_keys:read" },
    { method = "DELETE", path = "/v1/api-keys/{id}", operation = identity.revoke_key, permission = "api_keys:write" },

    { method = "POST", path = "/v1/auth/login", operation = sessions.login, public = "who signs in has nothing yet" },
    { method = "POST", path = "/v1/auth/login/totp", operation = sessions.login_totp,
      public = "the ticket says that the password was given" },
    { method = "POST", path = "/v1/auth/reset", operation = sessions.ask_reset, public = "who has lost the password",
      audit = "a letter is asked for; what is done with it is recorded" },
    { method = "POST", path = "/v1/auth/password", operation = sessions.choose_password,
      public = "the code of the letter says who it is" },
    { method = "PUT", path = "/v1/auth/password", operation = sessions.change_password, permission = "me:write" },
    { method = "POST", path = "/v1/auth/reauthenticate", operation = sessions.reauthenticate, permission = "me:write" },
    { method = "POST", path = "/v1/auth/logout", operation = sessions.logout, permission = "me:write" },
    { method = "POST", path = "/v1/auth/totp", operation = totp.begin, permission = "me:write", step_up = true },
    { method = "POST", path = "/v1/auth/totp/confirm", operation = totp.confirm, permission = "me:write" },
    { method = "POST", path = "/v1/auth/totp/recovery-codes", operation = totp.renew_codes, permission = "me:write",
      step_up = true },
    { method = "POST", path = "/v1/auth/totp/disable", operation = totp.disable, permission = "me:write",
      step_up = true },
    { method = "POST", path = "/v1/realtime/token", operation = realtime.create_token, permission = "me:write",
      enrolled = true, audit = "it is worth no more than the session, for five minutes" },
    { method = "GET", path = "/.well-known/jwks.json", operation = realtime.keys, public = "public keys are public" },
    { method = "GET", path = "/v1/sessions", operation = sessions.sessions, permission = "me:read" },
    { method = "DELETE", path = "/v1/sessions/{id}", operation = sessions.revoke, permission = "me:write" },

    { method = "POST", path = "/v1/users", operation = users.create_user, permission = "users:write", step_up = true },
    { method = "GET", path = "/v1/users", operation = users.users, permission = "users:read" },
    { method = "GET", path = "/v1/users/{id}", operation = users.user, permission = "users:read" },
    { method = "POST", path = "/v1/users/{id}/invitation", operation = users.invite, permission = "users:write" },
    { method = "PATCH", path = "/v1/users/{id}", operation = users.change_user, permission = "users:write",
      step_up = true },
    { method = "DELETE", path = "/v1/companies/{id}/sessions", operation = users.end_all_sessions,
      permission = "users:write", step_up = true },
    { method = "DELETE", path = "/v1/users/{id}/sessions", operation = users.end_sessions, permission = "users:write",
      step_up = true },
    { method = "DELETE", path = "/v1/users/{id}/totp", operation = totp.take_away, permission = "users:write",
      step_up = true },
    { method = "POST", path = "/v1/roles", operation = users.create_role, permission = "roles:write", step_up = true },
    { method = "GET", path = "/v1/roles", operation = users.roles, permission = "roles:read" },
    { method = "GET", path = "/v1/roles/{id}", operation = users.role, permission = "roles:read" },
    { method = "PATCH", path = "/v1/roles/{id}", operation = users.change_role, permission = "roles:write",
      step_up = true },
    { method = "DELETE", path = "/v1/roles/{id}", operation = users.delete_role, permission = "roles:write" },
    { method = "GET", path = "/v1/permissions", operation = users.permissions, permission = "me:read" },
    { method = "POST", path = "/v1/permissions/check", operation = users.check_permission, permission = "me:read",
      enrolled = true, audit = "it only asks" },

    { method = "POST", path = "/v1/rate-decks", operation = catalog.create_deck, permission = "rate_decks:write" },
    { method = "GET", path = "/v1/rate-decks", operation = catalog.decks, permission = "rate_decks:read" },
    { method = "GET", path = "/v1/rate-decks/{id}", operation = catalog.deck, permission = "rate_decks:read" },
    { method = "PUT", path = "/v1/rate-decks/{id}/rates", operation = catalog.put_rates,
      permission = "rate_decks:write", body_max = 16 * MIB, bulk = true },
    { method = "GET", path = "/v1/rate-decks/{id}/lookup", operation = catalog.lookup, permission = "rate_decks:read" },

    { method = "POST", path = "/v1/calls/authorize", operation = calls.authorize, permission = "calls:write",
      audit = CALL_IS_ITS_RECORD },
    { method = "POST", path = "/v1/calls/{call_id}/renew", operation = calls.renew, permission = "calls:write",
      audit = CALL_IS_ITS_RECORD },
    { method = "POST", path = "/v1/calls/{call_id}/settle", operation = calls.settle, permission = "calls:write",
      audit = CALL_IS_ITS_RECORD },
    { method = "POST", path = "/v1/calls/{call_id}/stop", operation = calls.stop, permission = "calls:stop" },
    { method = "POST", path = "/v1/calls/{call_id}/corrections", operation = corrections.correct_call,
      permission = "calls:correct", step_up = true },
    { method = "GET", path = "/v1/calls", operation = calls.calls, permission = "calls:read" },
    { method = "GET", path = "/v1/calls/{call_id}", operation = calls.call, permission = "calls:read" },

    { method = "POST", path = "/v1/voice-endpoints", operation = voice.create_endpoint,
      permission = "voice_endpoints:write", step_up = true },
    { method = "GET", path = "/v1/voice-endpoints", operation = voice.endpoints, permission = "voice_endpoints:read" },
    { method = "GET", path = "/v1/voice-endpoints/{id}", operation = voice.endpoint,
      permission = "voice_endpoints:read" },
    { method = "PUT", path = "/v1/voice-endpoints/{id}", operation = voice.change_endpoint,
      permission = "voice_endpoints:write" },
    { method = "PUT", path = "/v1/voice-endpoints/{id}/secret", operation = voice.set_endpoint_secret,
      permission = "voice_endpoints:write", step_up = true },
    { method = "DELETE", path = "/v1/voice-endpoints/{id}", operation = voice.delete_endpoint,
      permission = "voice_endpoints:write" },
    { method = "POST", path = "/webhooks/vapi/{id}", operation = voice.vapi, body_max = 4 * MIB,
      public = "Vapi proves itself with the secret of the endpoint", audit = CALL_IS_ITS_RECORD },
    { method = "POST", path = "/webhooks/retell/{id}", operation = voice.retell, body_max = 4 * MIB,
      public = "Retell signs with the secret of the endpoint", audit = CALL_IS_ITS_RECORD },

    { method = "POST", path = "/v1/usage", operation = charging.ingest, permission = "usage:write",
      body_max = 8 * MIB, bulk = true, audit = "each event is a row of its own" },
    { method = "GET", path = "/v1/usage", operation = charging.usage, permission = "usage:read" },
    { method = "GET", path = "/v1/usage/export", operation = charging.usage_export, permission = "usage:read" },
    { method = "GET", path = "/v1/usage/summary", operation = charging.usage_summary, permission = "usage:read" },
    { method = "POST", path = "/v1/usage/{id}/corrections", operation = corrections.correct_usage,
      permission = "calls:correct", step_up = true },
    { method = "GET", path = "/v1/usage/{id}/explain", operation = charging.explain, permission = "usage:read" },

    { method = "GET", path = "/v1/rules", operation = rules.hooks, permission = "rules:read" },
    { method = "POST", path = "/v1/rules/bundles", operation = rules.publish, permission = "rules:write",
      body_max = 16 * MIB, bulk = true },
    { method = "GET", path = "/v1/rules/bundles", operation = rules.bundles, permission = "rules:read" },
    { method = "GET", path = "/v1/rules/bundles/{id}", operation = rules.bundle, permission = "rules:read" },
    { method = "GET", path = "/v1/rules/bundles/{id}/diff", operation = rules.difference, permission = "rules:read" },
    { method = "POST", path = "/v1/rules/diff", operation = rules.compare, permission = "rules:write",
      body_max = 16 * MIB, bulk = true, audit = "it only asks" },
    { method = "GET", path = "/v1/rules/active", operation = rules.active, permission = "rules:read" },
    { method = "PUT", path = "/v1/rules/active", operation = rules.activate, permission = "rules:activate",
      step_up = true },
    { method = "GET", path = "/v1/rules/activations", operation = rules.activations, permission = "rules:read" },
    { method = "POST", path = "/v1/rules/rollback", operation = rules.roll_back, permission = "rules:activate",
      no_policy = "when rbac.authorize itself fails, this is the way back" },
    { method = "PUT", path = "/v1/rules/shadow", operation = rules.set_shadow, permission = "rules:write" },
    { method = "GET", path = "/v1/rules/shadow/report", operation = rules.shadow_report, permission = "rules:read" },
    { method = "POST", path = "/v1/rules/dry-run", operation = rules.dry_run, permission = "rules:write",
      audit = "it only asks" },
    { method = "POST", path = "/v1/rules/backtests", operation = rules.create_backtest, permission = "rules:write" },
    { method = "GET", path = "/v1/rules/backtests", operation = rules.backtests, permission = "rules:read" },
    { method = "GET", path = "/v1/rules/backtests/{id}", operation = rules.backtest, permission = "rules:read" },

    { method = "GET", path = "/v1/wallets", operation = wallets.wallets, permission = "wallets:read" },
    { method = "GET", path = "/v1/wallets/{id}", operation = wallets.wallet, permission = "wallets:read" },
    { method = "POST", path = "/v1/wallets/{id}/credit-limit", operation = wallets.change_credit_limit,
      permission = "wallets:write" },
    { method = "GET", path = "/v1/wallets/{id}/entries", operation = wallets.entries, permission = "wallets:read" },
    { method = "POST", path = "/v1/wallets/{id}/topups", operation = wallets.top_up, permission = "wallets:topup" },
    { method = "POST", path = "/v1/wallets/{id}/credits", operation = wallets.give_credit,
      permission = "wallets:topup" },
    { method = "GET", path = "/v1/wallets/{id}/credits", operation = wallets.credits, permission = "wallets:read" },
    { method = "POST", path = "/v1/wallets/{id}/corrections", operation = wallets.correct,
      permission = "wallets:correct" },
    { method = "GET", path = "/v1/wallets/{id}/levels", operation = wallets.levels, permission = "wallets:read" },
    { method = "PUT", path = "/v1/wallets/{id}/levels", operation = wallets.set_levels,
      permission = "wallets:write" },
    { method = "GET", path = "/v1/wallets/{id}/auto-topup", operation = wallets.auto_topup,
      permission = "wallets:read" },
    { method = "PUT", path = "/v1/wallets/{id}/auto-topup", operation = wallets.set_auto_topup,
      permission = "wallets:write" },
    { method = "GET", path = "/v1/wallets/{id}/topup-orders", operation = wallets.orders,
      permission = "wallets:read" },
    { method = "POST", path = "/v1/topup-orders/{id}/settle", operation = wallets.settle_order,
      permission = "wallets:topup" },
    { method = "POST", path = "/v1/topup-orders/{id}/fail", operation = wallets.fail_order,
      permission = "wallets:topup" },
    { method = "GET", path = "/v1/wallets/{id}/statement", operation = wallets.statement,
      permission = "wallets:read" },

    { method = "POST", path = "/v1/allowances", operation = allowances.grant, permission = "allowances:write" },
    { method = "GET", path = "/v1/allowances", operation = allowances.allowances, permission = "allowances:read" },
    { method = "GET", path = "/v1/allowances/{id}", operation = allowances.allowance, permission = "allowances:read" },

    { method = "GET", path = "/v1/alerts", operation = alerts.alerts, permission = "alerts:read" },
    { method = "GET", path = "/v1/alerts/{id}", operation = alerts.alert, permission = "alerts:read" },
    { method = "POST", path = "/v1/alerts/{id}/acknowledge", operation = alerts.acknowledge,
      permission = "alerts:write" },

    { method = "GET", path = "/v1/approvals", operation = approvals.approvals, permission = "approvals:read" },
    { method = "GET", path = "/v1/approvals/{id}", operation = approvals.approval, permission = "approvals:read" },
    { method = "POST", path = "/v1/approvals/{id}/approve", operation = approvals.approve,
      permission = "approvals:write", step_up = true },
    { method = "POST", path = "/v1/approvals/{id}/refuse", operation = approvals.refuse,
      permission = "approvals:write" },
    { method = "GET", path = "/v1/audit-log", operation = audit.entries, permission = "audit:read" },
    { method = "GET", path = "/v1/audit-log/export", operation = audit.export, permission = "audit:read" },
    { method = "GET", path = "/v1/audit-log/{id}", operation = audit.entry, permission = "audit:read" },
  }, sessions_service.step_up, policies_service.guard), sessions_service.of),
}
