--- Pages of a list: `limit` and an opaque `cursor` in, `{data, next_cursor}` out.
-- A cursor is the key of the last row shown, so a page costs the same however deep it is, and rows that arrive while
-- somebody reads never shift it. It names a place and grants nothing: every page is scoped anew. A store is asked
-- for one row more than is shown; that row tells whether there is a next page.
--
-- Lists of what people have made by hand (page.sorted) also take `sort` and, instead of a cursor, the number of a
-- `page`, and say `total`. What machines write (usage, entries, the audit log) has none of these: to count, to sort or
-- to skip it would cost more the longer a company is with us.
local errors = require("core.errors")
local v = require("core.validate")

local page = {}

page.LIMIT_DEFAULT = 50
page.LIMIT_MAX = 500

page.SKIPPED_MAX = 10000 -- rows before a numbered page

local TEXT_MAX <const> = 800 -- bytes of a name of 200 characters
local LATEST_US <const> = 253402300799999999 -- the last instant of 9999

-- A whole number from 1 to max, as it stands in a query.
local function number(max, default, says)
  return v.optional(v.shape({
    type = "integer", minimum = 1, maximum = max, default = default, description = says,
  }, function(value, pointer, faults)
    local given = tostring(value):find("^%d+$") and math.tointeger(tonumber(value)) or nil
    if not given or given < 1 or given > max then
      faults[#faults + 1] = { pointer = pointer, detail = ("must be between 1 and %d"):format(max) }
      return nil
    end
    return given
  end))
end

--- The shapes of the two parameters, for a query's list of fields.
---@type table<string, table>
page.fields = {
  limit = number(page.LIMIT_MAX, page.LIMIT_DEFAULT),
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

local SORTS <const> = { "created_at", "-created_at", "name", "-name" }

--- What a list can be searched for: a part of a name.
page.q = v.optional(v.described(v.string({ min = 1, max = 100 }), "a part of the name, in any case"))

--- Which page, by its number.
page.page = number(page.SKIPPED_MAX + 1, nil, "instead of a cursor: 1 is the first page of `limit`")

--- The same for a list that can be sorted and searched, and is counted and paged by number.
---@param filters table<string, table>
---@return table<string, table>
function page.sorted(filters)
  local fields = page.query(filters)
  local says <const> = "created_at, the oldest first, when it is not given; -: backwards"
  fields.sort = v.optional(v.described(v.enum(SORTS), says))
  fields.q = fields.q or page.q
  fields.page = page.page
  return fields
end

--- Rows before the page that was asked for by its number.
---@param query {page: integer?, cursor: string?}
---@param limit integer rows of a page
---@return integer? skipped, errors.Error? err
function page.skipped(query, limit)
  local skipped = ((query.page or 1) - 1) * limit
  if query.page and query.cursor then
    return nil, errors.input("?page", "is instead of a cursor, not beside it")
  elseif skipped > page.SKIPPED_MAX then
    return nil, errors.input("?page", ("is too far: after %d rows go on by next_cursor"):format(page.SKIPPED_MAX))
  end
  return skipped
end

--- What was searched for, as LIKE takes it: `x LIKE {q} ESCAPE '|'`.
---@param q string?
---@return string?
function page.pattern(q)
  return q and "%" .. q:gsub("[|%%_]", "|%0") .. "%"
end

local function is_by_name(filter)
  return filter.sort == "name" or filter.sort == "-name"
end

--- Of a list that can be sorted: the types of a cursor's parts, and the key of a row.
---@param filter {sort: string?}
---@param types string[] when it is not sorted
---@return string[]
function page.key_types(filter, types)
  return is_by_name(filter) and { "text", table.unpack(types) } or types
end

---@param filter {sort: string?}
---@return fun(row: table): string[]
function page.key_of(filter)
  return function(row)
    return is_by_name(filter) and { row.name, row.id } or { row.id }
  end
end

--- Says of a page's rows how many there are on all pages.
---@param rows table[]
---@param filter {after: table?, skipped: integer?, limit: integer}
---@param statement userdata its `total`
---@param args table?
---@return table[]? rows, table? err
function page.counted(rows, filter, statement, args)
  if filter.after then
    rows.total = tg.json.null
  elseif #rows < filter.limit and (#rows > 0 or filter.skipped == 0) then
    rows.total = filter.skipped + #rows -- these are the last
  else
    local counted, err = tg.db.one(statement, args)
    if not counted then
      return nil, err
    end
    rows.total = counted.total
  end
  return rows
end

--- Declares the statements of a list that can be sorted: `name` (the oldest first), and others for the other orders.
-- Ids begin with the time they were made at, so that their order is that of created_at.
---@param name string
---@param parts {columns: string, rows: string, id: string, name: string}  rows: from FROM on, with filters, also {q}
---  (page.pattern); name: as people sort, whatever the case
---@return fun(filter: table, args: table): table[]?, table?  rows, as page.answer takes them; `total` counts them all
function page.declare(name, parts)
  local function ordered(place, order)
    return ("%s %s AND (%s) ORDER BY %s LIMIT {limit} OFFSET {skipped}"):format(parts.columns, parts.rows, place, order)
  end
  local function by_id(sign, order)
    local place <const> = ("{after:id} IS NULL OR %s %s {after:id}"):format(parts.id, sign)
    return ordered(place, ("%s %s"):format(parts.id, order))
  end
  local function by_name(sign, order)
    local place = "{after:id} IS NULL OR #N #S {after_name} OR (#N = {after_name} AND #I #S {after:id})"
    place = place:gsub("#N", parts.name):gsub("#S", sign):gsub("#I", parts.id)
    return ordered(place, ("%s %s, %s %s"):format(parts.name, order, parts.id, order))
  end
  local statements <const> = tg.db.declare({
    [name] = by_id(">", "ASC"), [name .. "_backwards"] = by_id("<", "DESC"),
    [name .. "_by_name"] = by_name(">", "ASC"), [name .. "_by_name_backwards"] = by_name("<", "DESC"),
    [name .. "_total"] = ("SELECT COUNT(*) AS total %s"):format(parts.rows),
  })
  local by_sort <const> = {
    ["-created_at"] = name .. "_backwards", name = name .. "_by_name", ["-name"] = name .. "_by_name_backwards",
  }
  return function(filter, args)
    local after = filter.after or {}
    args.limit, args.after, args.after_name = filter.limit, after[#after], after[#after - 1]
    args.skipped = filter.skipped
    args.q = page.pattern(filter.q)
    local rows, err = tg.db.query(statements[by_sort[filter.sort] or name], args)
    if not rows then
      return nil, err
    end
    return page.counted(rows, filter, statements[name .. "_total"], args)
  end
end

--- Writes a cursor from the key of the last row shown.
---@param key (string|integer)[]
---@return string
function page.encode(key)
  return tg.crypto.base64url(assert(tg.json.encode(tg.json.array(key))))
end

--- Reads a cursor. What is not one of ours, or one of another list, is an input error.
---@param cursor string?
---@param types string[] of the key's parts: "time" (microseconds from 1970 on), "count", "sha256" (hex), "text" (a
---  name) or the prefix of an id
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
    elseif expected == "text" then
      if type(value) ~= "string" or #value > TEXT_MAX or not utf8.len(value) then
        return refuse()
      end
    elseif type(value) ~= "string" or not tg.id.is(value, expected) then
      return refuse()
    end
  end
  return key
end

--- Makes the answer of a list out of up to limit + 1 rows. `total` is with those of page.declare.
---@param rows table[]
---@param limit integer
---@param show fun(row: table): table
---@param key fun(row: table): (string|integer)[]
---@param stopped_at (string|integer)[]? where to go on although the page is not full (core.walk)
---@return table body
function page.answer(rows, limit, show, key, stopped_at)
  local data = tg.json.array({})
  for i = 1, math.min(#rows, limit) do
    data[i] = show(rows[i])
  end
  local next_key = #rows > limit and key(rows[limit]) or stopped_at
  return { data = data, next_cursor = next_key and page.encode(next_key) or tg.json.null, total = rows.total }
end

return page
