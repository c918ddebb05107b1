--- Called numbers as E.164 digits (rating.md R4).
-- Pure. Emergency numbers and short codes are none: they have a table of their own.
local e164 = {}

local SEPARATORS <const> = " -.()/"

--- How the caller dials: as the plan says, else as its country does, else as North America does.
-- @return country code, international prefix, trunk prefix; no country code when the country is unknown
local function dialling(plan, text, countries)
  local cc, idd, trunk = "1", "011", "1"
  if plan.country and plan.cc == nil then
    cc, idd, trunk = countries.find(plan.country, text)
  end
  return plan.cc or cc, plan.idd or idd or "", plan.trunk or trunk or ""
end

--- The number behind its international or trunk prefix, country code first; nil when the country is not known.
local function with_country(digits, plan, text, countries)
  if text.starts_with(digits, "+") then
    return digits:sub(2)
  end
  local cc, idd, trunk = dialling(plan, text, countries)
  if idd ~= "" and text.starts_with(digits, idd) then
    return digits:sub(#idd + 1)
  end
  if trunk ~= "" and text.starts_with(digits, trunk) then
    digits = digits:sub(#trunk + 1)
  end
  return cc and cc .. digits
end

--- Normalises a number as somebody dialled or a switch wrote it.
-- @param raw   string
-- @param plan  {cc, idd, trunk, country}: country code, international and trunk prefix, or the ISO 3166 country
-- @param text  the capability
-- @param countries  lib/countries.lua
-- @return 7 to 15 digits, or nil and "not_e164"
function e164.normalise(raw, plan, text, countries)
  if type(raw) ~= "string" then
    return nil, "not_e164"
  end
  local digits = with_country(text.without(raw, SEPARATORS), plan, text, countries)
  if digits == nil or #digits < 7 or #digits > 15 or digits:byte(1) == 48 or not text.is_digits(digits) then
    return nil, "not_e164"
  end
  return digits
end

return e164
