--- The roles that every company has, and what they may do. A role of a company's own is a row (store.role).
-- The names of permissions are in identity/permissions.lua; "x:*" is every permission on x, "*" is everything.
local roles = {}

---@type table<string, {says: string, permissions: string[]}>
roles.BUILT_IN = {
  platform_admin = { says = "Runs the platform: everything.", permissions = { "*" } },
  owner = { says = "Owns the company: everything, there and below.", permissions = { "*" } },
  billing_manager = {
    says = "Prices, decks, wallets and companies below.",
    permissions = {
      "companies:read", "companies:write", "rate_decks:*", "wallets:*", "usage:read", "calls:read", "calls:correct",
      "users:read", "approvals:*", "alerts:*", "allowances:*",
    },
  },
  finance = {
    says = "Money: wallets and usage.",
    permissions = {
      "companies:read", "wallets:*", "usage:read", "calls:read", "calls:correct", "alerts:*", "allowances:*",
    },
  },
  analyst = {
    says = "Reads figures and changes nothing.",
    permissions = {
      "companies:read", "usage:read", "calls:read", "wallets:read", "rate_decks:read", "alerts:read",
      "allowances:read",
    },
  },
  supervisor = {
    says = "Looks after the agents: people and calls.",
    permissions = { "companies:read", "users:read", "usage:read", "calls:read", "calls:stop", "alerts:read" },
  },
  agent = { says = "Takes calls.", permissions = {} },
  rule_editor = { says = "Writes rules and tries them.", permissions = { "rules:read", "rules:write", "usage:read" } },
  auditor = {
    says = "Sees everything, changes nothing.",
    permissions = {
      "companies:read", "api_keys:read", "users:read", "roles:read", "rate_decks:read", "usage:read", "calls:read",
      "wallets:read", "rules:read", "audit:read", "approvals:read", "alerts:read",
      "allowances:read", "voice_endpoints:read",
    },
  },
}

--- Their names, sorted.
---@return string[]
function roles.names()
  local names = {}
  for name in pairs(roles.BUILT_IN) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

return roles
