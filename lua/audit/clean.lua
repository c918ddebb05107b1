--- What of a value may be kept for years: no secret, and not too much.
-- The one place that decides it, for every feature.
local clean = {}

local NULL <const> = tg.json.null
local KEPT_SECRET <const> = "(a secret)"
local TEXT_MAX <const> = 300 -- bytes
local NODES_MAX <const> = 300
local DEPTH_MAX <const> = 8

local EXACTLY <const> = { key = true, code = true, hash = true, cookie = true, authorization = true }
local WITHIN <const> = { "password", "secret", "token", "totp", "recovery", "private_key", "credential" }

--- Is what stands under this name a secret?
---@param name any
---@return boolean
function clean.is_secret(name)
  if type(name) ~= "string" then
    return false
  end
  local lower <const> = name:lower()
  for _, word in ipairs(WITHIN) do
    if lower:find(word, 1, true) then
      return true
    end
  end
  return EXACTLY[lower] == true
end

local function cut(text)
  if #text <= TEXT_MAX then
    return text
  end
  local short = text:sub(1, TEXT_MAX)
  while not utf8.len(short) and #short > TEXT_MAX - 4 do
    short = short:sub(1, -2)
  end
  return short .. "…"
end

local copy

local function copy_table(value, depth, left)
  local is_list, result = tg.json.is_array(value) or #value > 0, {}
  for name, element in pairs(value) do
    left[1] = left[1] - 1
    if left[1] < 0 or depth > DEPTH_MAX then
      return "(more than is kept)"
    elseif clean.is_secret(name) and element ~= NULL then
      result[name] = KEPT_SECRET
    else
      result[name] = copy(element, depth, left)
    end
  end
  return is_list and tg.json.array(result) or result
end

function copy(value, depth, left)
  if type(value) == "string" then
    return cut(value)
  elseif value == NULL or type(value) == "boolean" or math.type(value) == "integer" then
    return value
  elseif type(value) == "table" and not (getmetatable(value) or {}).__tostring then
    return copy_table(value, depth + 1, left)
  end
  return tostring(value) -- a decimal
end

--- A copy for the log.
---@param value any
---@return any
function clean.copy(value)
  return copy(value, 0, { NODES_MAX })
end

return clean
