--- Pages of a list: `limit` and an opaque `cursor` in, `{data, next_cursor}` out.
-- A cursor is the key of the last row shown, so a page costs the same however deep it is, and rows that arrive while
-- somebody reads never shift it. It names a place and grants nothing: every page is scoped anew. A store is asked
-- for one row more than is shown; that row tells whether there is a next page.
local errors = require("core.errors")
local v = require("core.validate")

local page = {}

page.LIMIT_DEFAULT = 50
page.LIMIT_MAX = 500

local LATEST_US <const> = 253402300799999999 -- the last instant of 9999

--- The shapes of the two parameters, for a query's list of fields.
---@type table<string, table>
page.fields = {
  limit = v.optional(v.shape({
    type = "integer", minimum = 1, maximum = page.LIMIT_MAX, default = page.LIMIT_DEFAULT,
  }, function(value, pointer, faults)
    local limit = tostring(value):find("^%d+$") and math.tointeger(tonumber(value)) or nil
    if not limit or limit < 1 or limit > page.LIMIT_MAX then
      faults[#faults + 1] = { pointer = pointer, detail = ("must be between 1 and %d"):format(page.LIMIT_MAX) }
      return nil
    end
    return limit
  end)),
  cursor = v.optional(v.shape({
    type = "string", description = "next_cursor of the page before",
  }, function(value)
    return value
  end)),
}

--- The fields of a list's query: its filters and the two of every page.
---@param filters table<string, table>
---@return table<string, table>
function page.query(filters)
  local fields = {}
  for name, field in pairs(page.fields) do
    fields[name] = field
  end
  for name, field in pairs(filters) do
    fields[name] = field
  end
  return fields
end

--- Writes a cursor from the key of the last row shown.
---@param key (string|integer)[]
---@return string
function page.encode(key)
  return tg.crypto.base64url(assert(tg.json.encode(tg.json.array(key))))
end

--- Reads a cursor. What is not one of ours, or one of another list, is an input error.
---@param cursor string?
---@param types string[] of the key's parts: "time" (microseconds from 1970 on), "count", "sha256" (hex) or the prefix
---  of an id
---@return (string|integer)[]? key, errors.Error?   nil, nil: from the beginning
function page.decode(cursor, types)
  if cursor == nil then
    return nil
  end
  local function refuse()
    return nil, errors.input("?cursor", "is not a cursor of this list: take next_cursor from the page before")
  end
  local text = tg.crypto.unbase64url(cursor)
  local key = text and tg.json.decode(text)
  if type(key) ~= "table" or #key ~= #types then
    return refuse()
  end
  for i, expected in ipairs(types) do
    local value = key[i]
    if expected == "time" or expected == "count" then
      if math.type(value) ~= "integer" or value < 0 or value > LATEST_US then
        return refuse()
      end
    elseif expected == "sha256" then
      if type(value) ~= "string" or #value ~= 64 or value:find("[^0-9a-f]") then
        return refuse()
      end
    elseif type(value) ~= "string" or not tg.id.is(value, expected) then
      return refuse()
    end
  end
  return key
end

--- Makes the answer of a list out of up to limit + 1 rows.
---@param rows table[]
---@param limit integer
---@param show fun(row: table): table
---@param key fun(row: table): (string|integer)[]
---@return table body
function page.answer(rows, limit, show, key)
  local data = tg.json.array({})
  for i = 1, math.min(#rows, limit) do
    data[i] = show(rows[i])
  end
  local more = #rows > limit
  return { data = data, next_cursor = more and page.encode(key(rows[limit])) or tg.json.null }
end

return page
