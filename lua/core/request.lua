--- What every handler does first: takes a request apart and checks the parts.
local page = require("core.page")
local validate = require("core.validate")

local request = {}

--- The JSON body, checked.
---@param req table
---@param shape validate.Shape
---@return any clean, errors.Error? err
function request.body(req, shape)
  local body, err = req:json()
  if err then
    return nil, err
  end
  return validate.check(shape, body)
end

--- The raw body, on its way to a worker thread.
---@param req table
---@param what string for the error: "the rates, as CSV"
---@return userdata? bytes, errors.Error? err
function request.bytes(req, what)
  local bytes = req:take_body()
  if not bytes then
    local detail = ("The request has no body: send %s."):format(what)
    return nil, { code = "input", status = 400, type = "no_body", detail = detail }
  end
  return bytes
end

--- The parameters of a list, checked: its filters, `limit` (one more than the page shows), `after`, the key of the last
-- row shown so far, and `skipped`, the rows before a page that was asked for by its number.
---@param req table
---@param fields table<string, table> made by page.query or page.sorted
---@param key_types string[] of a cursor of this list
---@return table? query
---@return integer|errors.Error limit_or_err how many rows the page shows
function request.list(req, fields, key_types)
  local query, err = validate.query(fields, req.query)
  if not query then
    return nil, err
  end
  query.after, err = page.decode(query.cursor, page.key_types(query, key_types))
  if err then
    return nil, err
  end
  local limit = query.limit or page.LIMIT_DEFAULT
  query.skipped, err = page.skipped(query, limit)
  if not query.skipped then
    return nil, err
  end
  query.limit, query.cursor, query.page = limit + 1, nil, nil
  return query, limit
end

return request
