--- What a principal carries of its company's policies (web/auth.h), from the moment its token was read: `req.policy`.
local carried = {}

---@class policies.Carried
---@field company string  whose the actor is, and whose policies these are
---@field policy table  as policies/schema.lua has it
---@field roles string[]  that the actor has where they act

--- For authenticate(): nil when the company has no policies, and then nothing is ever asked.
---@param company string
---@param policies table?
---@param roles string[]
---@return string?
function carried.pack(company, policies, roles)
  if not policies or not next(policies) then
    return nil
  end
  return assert(tg.json.encode({ company = company, policy = policies, roles = tg.json.array(roles) }))
end

---@param text string
---@return policies.Carried
function carried.unpack(text)
  return assert(tg.json.decode(text))
end

return carried
