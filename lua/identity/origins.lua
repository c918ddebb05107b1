--- Origins of pages that may ask with a company's keys and sessions (src/web/cors.h), as browsers write them.
local v = require("core.validate")

local origins = {}

local ORIGINS_MAX <const> = 20
local LABEL <const> = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"

local function is_host(host)
  for label in (host .. "."):gmatch("([^.]*)%.") do
    if #label > 63 or not label:find("^[%l%d]") or not label:find("[%l%d]$") or label:find("[^%l%d-]") then
      return false
    end
  end
  return true
end

local function is_origin(text)
  local host, port = text:match("^https://([^:/]+)$"), nil
  if not host then
    host, port = text:match("^https://([^:/]+):([1-9]%d*)$")
  end
  return host ~= nil and is_host(host) and (port == nil or (#port <= 5 and tonumber(port) < 65536 and port ~= "443"))
end

local one <const> = v.also(v.string({
  max = 200, pattern = "^https://", regex = ("^https://%s(\\.%s)*(:[1-9][0-9]{0,4})?$"):format(LABEL, LABEL),
  says = "must be an origin such as https://app.example.com",
}), function(clean, pointer, faults)
  if not is_origin(clean) then
    local detail <const> = "must be an origin as browsers write it: https://, a host in small letters, the port unless "
      .. "it is 443; nothing behind it"
    faults[#faults + 1] = { pointer = pointer, detail = detail }
  end
end)

--- A company's list.
origins.list = v.also(v.list(one, { max = ORIGINS_MAX }), function(clean, pointer, faults)
  local seen = {}
  for i, origin in ipairs(clean) do
    if seen[origin] then
      faults[#faults + 1] = { pointer = ("%s/%d"):format(pointer, i - 1), detail = "stands there twice" }
    end
    seen[origin] = true
  end
end)

--- As a principal carries them: a line each. nil: none.
---@param list string[]?
---@return string?
function origins.pack(list)
  return list and list[1] and "\n" .. table.concat(list, "\n") .. "\n" or nil
end

return origins
