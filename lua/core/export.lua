--- Lists as files: CSV (RFC 4180) or a JSON object a line. All of it is read and sent page by page, however long it is
-- (web/stream.h); with `limit` it is one page, and Next-Cursor leads on.
local page = require("core.page")
local request = require("core.request")
local v = require("core.validate")

local export = {}

local PAGE <const> = 250 -- rows: some milliseconds of work, and some dozen KiB
local TYPES <const> = { csv = "text/csv; charset=utf-8", jsonl = "application/jsonl" }

--- The fields of an export's query: the filters of its list.
---@param filters table<string, table>
---@return table<string, table>
function export.query(filters)
  local fields = page.query(filters)
  fields.format = v.optional(v.enum({ "jsonl", "csv" }))
  fields.limit = v.optional(v.shape({
    type = "integer", minimum = 1, maximum = page.LIMIT_MAX, description = "one page of so many; without it: all",
  }, page.fields.limit.shape.check))
  return fields
end

-- What a spreadsheet would take for a formula gets an apostrophe in front; a number is none.
local function cell(value)
  if value == nil or value == tg.json.null then
    return ""
  end
  local text = type(value) == "table" and assert(tg.json.encode(value)) or tostring(value)
  if text:find("^[=+%-@\t\r]") and not text:find("^%-%d+%.?%d*$") then
    text = "'" .. text
  end
  if text:find('[",\r\n]') then
    text = '"' .. text:gsub('"', '""') .. '"'
  end
  return text
end

local lines = {}

function lines.csv(rows, what, is_first)
  local out = { is_first and table.concat(what.columns, ",") .. "\r\n" or nil }
  for _, row in ipairs(rows) do
    local shown, cells = what.show(row), {}
    for i, name in ipairs(what.columns) do
      local value = shown
      for part in name:gmatch("[^.]+") do
        value = type(value) == "table" and value[part] or nil
      end
      cells[i] = cell(value)
    end
    out[#out + 1] = table.concat(cells, ",") .. "\r\n"
  end
  return table.concat(out)
end

function lines.jsonl(rows, what)
  local out = {}
  for i, row in ipairs(rows) do
    out[i] = assert(tg.json.encode(what.show(row))) .. "\n"
  end
  return table.concat(out)
end

local function one_page(query, limit, what, headers)
  local rows, err, stopped_at = what.rows(query)
  if not rows then
    return nil, err
  end
  local after <const> = #rows > limit and what.key(rows[limit]) or stopped_at
  headers["next-cursor"] = after and page.encode(after)
  rows[limit + 1] = nil
  return 200, lines[query.format](rows, what, true), headers
end

local function everything(req, query, what, headers)
  local is_first = true
  query.limit = PAGE
  repeat
    local rows, err, stopped_at = what.rows(query)
    if not rows then
      return nil, err
    end
    local is_whole <const> = #rows == PAGE
    local written
    written, err = req:write(lines[query.format](rows, what, is_first), headers)
    if not written then
      return nil, err
    end
    is_first, query.after = false, is_whole and what.key(rows[PAGE]) or stopped_at
  until not query.after or req.method == "HEAD"
  return 200, nil, headers
end

---@class export.What
---@field name string  of the file
---@field columns string[]  of the CSV, by the names that `show` gives: "id", "amount.currency"
---@field rows fun(query: table): table[]?, table?, table?  the third: where it stopped looking before the page was full
---@field show fun(row: table): table
---@field key fun(row: table): table  of a cursor

--- The answer of an export.
---@param req table
---@param fields table<string, table> of export.query
---@param key_types string[]
---@param what export.What
---@return integer? status, any body_or_err, table? headers
function export.answer(req, fields, key_types, what)
  local query, limit = request.list(req, fields, key_types)
  if not query then
    return nil, limit
  end
  query.format = query.format or "jsonl"
  local headers <const> = {
    ["content-type"] = TYPES[query.format],
    ["content-disposition"] = ('attachment; filename="%s.%s"'):format(what.name, query.format),
  }
  if req.query.limit then
    return one_page(query, limit, what, headers)
  end
  return everything(req, query, what, headers)
end

return export
