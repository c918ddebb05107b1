--- What a principal carries of its company's policies (web/auth.h), from the moment its token was read: `req.policy`.
local carried = {}

---@class policies.Carried
---@field company string  whose the actor is, and whose policies these are
---@field policy table?  as policies/schema.lua has it
---@field roles string[]  that the actor has where they act
---@field must_enrol boolean?  the company demands a second factor, and the actor has none

--- For authenticate(): nil when the company has no policies, and then nothing is ever asked.
---@param company string
---@param policies table?
---@param roles string[]
---@param must_enrol boolean?
---@return string?
function carried.pack(company, policies, roles, must_enrol)
  local policy <const> = policies and next(policies) and policies or nil
  if not policy and not must_enrol then
    return nil
  end
  return assert(tg.json.encode({
    company = company, policy = policy, roles = tg.json.array(roles), must_enrol = must_enrol or nil,
  }))
end

---@param text string
---@return policies.Carried
function carried.unpack(text)
  return assert(tg.json.decode(text))
end

return carried
