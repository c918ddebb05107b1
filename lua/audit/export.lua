--- The log as text: a line for each entry.
local export = {}

local COLUMNS <const> = {
  "id", "company", "at", "actor", "session", "address", "request_id", "action", "object", "outcome", "before", "after",
}

-- What a spreadsheet would take for a formula gets an apostrophe in front.
local function cell(value)
  local text = value == tg.json.null and "" or type(value) == "table" and assert(tg.json.encode(value)) or value
  if text:find("^[=+%-@\t\r]") then
    text = "'" .. text
  end
  if text:find('[",\r\n]') then
    text = '"' .. text:gsub('"', '""') .. '"'
  end
  return text
end

--- RFC 4180, with a header.
---@param entries table[] as the API shows them
---@return string
function export.csv(entries)
  local lines = { table.concat(COLUMNS, ",") .. "\r\n" }
  for _, entry in ipairs(entries) do
    local cells = {}
    for i, name in ipairs(COLUMNS) do
      cells[i] = cell(entry[name])
    end
    lines[#lines + 1] = table.concat(cells, ",") .. "\r\n"
  end
  return table.concat(lines)
end

--- A JSON object a line.
---@param entries table[]
---@return string
function export.jsonl(entries)
  local lines = {}
  for i, entry in ipairs(entries) do
    lines[i] = assert(tg.json.encode(entry)) .. "\n"
  end
  return table.concat(lines)
end

return export
