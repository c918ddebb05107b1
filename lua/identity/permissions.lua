--- Every permission there is, as `resource:action`. A route asks for one of them; a key carries some, or "*".
local permissions = {}

local MEANING <const> = {
  ["alerts:read"] = "see alerts",
  ["alerts:write"] = "acknowledge alerts",
  ["allowances:read"] = "see free seconds and what is left of them",
  ["allowances:write"] = "grant free seconds",
  ["approvals:read"] = "see what waits for a second person, and what became of it",
  ["approvals:write"] = "approve or refuse what one may do oneself",
  ["audit:read"] = "see who did what",
  ["calls:correct"] = "correct calls and usage that were charged",
  ["calls:read"] = "see calls, under way and over, and what they cost",
  ["calls:stop"] = "end a call at its next renewal",
  ["calls:write"] = "authorize, renew and settle calls, as a gateway does",
  ["companies:read"] = "see own company and those below",
  ["companies:write"] = "create companies below and change them",
  ["api_keys:read"] = "list API keys, never their secrets",
  ["api_keys:write"] = "create and revoke API keys",
  ["rate_decks:read"] = "see rate decks and look numbers up",
  ["rate_decks:write"] = "create rate decks and load rates",
  ["roles:read"] = "see roles and who has them",
  ["roles:write"] = "make roles and change them",
  ["rules:activate"] = "decide which bundle of rules decides",
  ["rules:read"] = "see bundles of rules, what is active, reports of shadow and backtest",
  ["rules:write"] = "publish bundles of rules and try them",
  ["usage:read"] = "see usage, its totals and how it was rated",
  ["usage:write"] = "report usage",
  ["users:read"] = "see people and their roles",
  ["users:write"] = "invite people, change and disable them, give them roles",
  ["voice_endpoints:read"] = "see where Vapi and Retell ask for calls",
  ["voice_endpoints:write"] = "say where Vapi and Retell ask for calls, and what they are answered",
  ["wallets:correct"] = "put a balance right by hand",
  ["wallets:read"] = "see wallets and their entries",
  ["wallets:topup"] = "record money that came in, give credit",
  ["wallets:write"] = "set credit limits, levels and automatic top-ups",
}

--- What everybody has, without being asked: to see and to look after oneself.
permissions.OWN = { "me:read", "me:write" }

local RESOURCES <const> = { me = true }
for name in pairs(MEANING) do
  RESOURCES[name:match("^[%w_]+")] = true
end

--- Is it a permission that can be given: "resource:action", "resource:*" or "*"?
---@param name string
---@return boolean
function permissions.exists(name)
  return name == "*" or MEANING[name] ~= nil or name == "me:read" or name == "me:write"
    or RESOURCES[name:match("^([%w_]+):%*$") or ""] == true
end

--- What each one means.
---@return table<string, string>
function permissions.meanings()
  return MEANING
end

--- All names that can be given away, sorted.
---@return string[]
function permissions.names()
  local names = {}
  for name in pairs(MEANING) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

-- Does the one name say at least what the other says?
local function implies(held, wanted)
  return held == "*" or held == wanted or (held:sub(-2) == ":*" and held:sub(1, -2) == wanted:match("^[%w_]+:"))
end

--- Does a holder of `held` have this one?
---@param held string[]
---@param wanted string
---@return boolean
function permissions.has(held, wanted)
  for _, name in ipairs(held) do
    if implies(name, wanted) then
      return true
    end
  end
  return wanted:sub(1, 3) == "me:"
end

--- Does a holder of `held` have all of `wanted`? Nobody gives away more than they have.
---@param held string[]
---@param wanted string[]
---@return boolean, string? missing the first that is not held
function permissions.cover(held, wanted)
  for _, name in ipairs(wanted) do
    if not permissions.has(held, name) then
      return false, name
    end
  end
  return true
end

return permissions
