--- Every permission there is, as `resource:action`. A route asks for one of them; a key carries some, or "*".
local permissions = {}

local MEANING <const> = {
  ["companies:read"] = "see own company and those below",
  ["companies:write"] = "create companies below and change them",
  ["api_keys:read"] = "list API keys, never their secrets",
  ["api_keys:write"] = "create and revoke API keys",
  ["rate_decks:read"] = "see rate decks and look numbers up",
  ["rate_decks:write"] = "create rate decks and load rates",
  ["rules:activate"] = "decide which bundle of rules decides",
  ["rules:read"] = "see bundles of rules, what is active, reports of shadow and backtest",
  ["rules:write"] = "publish bundles of rules and try them",
  ["usage:read"] = "see usage, its totals and how it was rated",
  ["usage:write"] = "report usage",
  ["wallets:read"] = "see wallets and their entries",
}

--- What every key has, without being asked: it may learn who it is.
permissions.OWN = "me:read"

---@param name string
---@return boolean
function permissions.exists(name)
  return name == "*" or name == permissions.OWN or MEANING[name] ~= nil
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

--- Does a holder of `held` have all of `wanted`? Nobody gives away more than they have.
---@param held string[]
---@param wanted string[]
---@return boolean, string? missing the first that is not held
function permissions.cover(held, wanted)
  local has = {}
  for _, name in ipairs(held) do
    has[name] = true
  end
  for _, name in ipairs(wanted) do
    if not has["*"] and not has[name] and name ~= permissions.OWN then
      return false, name
    end
  end
  return true
end

return permissions
