--- Called numbers as E.164 digits (rating.md R4).
-- Pure. Emergency numbers and short codes are none: they have a table of their own.
local e164 = {}

local SEPARATORS <const> = " -.()/"

--- The number behind its international or national prefix, country code first.
local function with_country(digits, plan, text)
  if text.starts_with(digits, "+") then
    return digits:sub(2)
  end
  local idd, trunk = plan.idd or "011", plan.trunk or "1"
  if idd ~= "" and text.starts_with(digits, idd) then
    return digits:sub(#idd + 1)
  end
  if trunk ~= "" and text.starts_with(digits, trunk) then
    digits = digits:sub(#trunk + 1)
  end
  return (plan.cc or "1") .. digits
end

--- Normalises a number as somebody dialled or a switch wrote it.
-- @param raw   string
-- @param plan  {cc, idd, trunk}: country code, international and trunk prefix; those of North America when absent
-- @param text  the capability
-- @return 7 to 15 digits, or nil and "not_e164"
function e164.normalise(raw, plan, text)
  if type(raw) ~= "string" then
    return nil, "not_e164"
  end
  local digits = with_country(text.without(raw, SEPARATORS), plan, text)
  if #digits < 7 or #digits > 15 or digits:byte(1) == 48 or not text.is_digits(digits) then
    return nil, "not_e164"
  end
  return digits
end

return e164
