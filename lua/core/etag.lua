--- ETags: two who edit the same thing do not undo each other's work.
-- An answer that shows a row names its state; a change that repeats the name in If-Match happens only while that is the
-- state (RFC 9110 §13.1.1). The name is the time of the last change, so a row needs nothing more than `updated_at`.
-- Without If-Match, or with `*`, the change happens in any case. Who asks again names what they have in If-None-Match.
local etag = {}

local NEVER <const> = 0 -- no row was changed then

--- Somebody was faster.
etag.CHANGED = {
  code = "input", status = 412, type = "precondition_failed",
  detail = "It was changed meanwhile: read it again, and send the change with the ETag that you get.",
}

--- The headers of an answer that shows the row.
---@param row {updated_at: integer}
---@param also integer? a time of what is shown and is no edit: another answer, but not what If-Match minds
---@return table<string, string>
function etag.headers(row, also)
  return { etag = also and ('"%x.%x"'):format(row.updated_at, also) or ('"%x"'):format(row.updated_at) }
end

--- The updated_at that the row must still have; nil: any. What is no ETag of ours fits nothing. A proxy that packs
--- answers makes W/"…" of an ETag; it names the same state.
---@param req table
---@return integer?
function etag.expected(req)
  local text <const> = req:header("if-match")
  if text == nil or text == "*" then
    return nil
  end
  local digits <const> = text:gsub("^W/", ""):match('^"(%x+)%.?%x*"$')
  return digits and #digits <= 15 and math.tointeger(tonumber(digits, 16)) or NEVER
end

local function bare(tag)
  return tag:gsub("^W/", "")
end

--- A handler of GET whose answer has an ETag: who has that state already (If-None-Match) gets 304 and no body.
---@param handler fun(req: table): integer?, any, table?
---@return fun(req: table): integer?, any, table?
function etag.conditional(handler)
  return function(req)
    local status, body, headers = handler(req)
    local known <const> = status == 200 and headers and headers.etag and req:header("if-none-match")
    if not known then
      return status, body, headers
    end
    for tag in known:gmatch('[^%s,]+') do
      if tag == "*" or bare(tag) == bare(headers.etag) then
        return 304, nil, { etag = headers.etag }
      end
    end
    return status, body, headers
  end
end

--- Is the row, which is locked, still as expected?
---@param row {updated_at: integer}
---@param expected integer?
---@return true?, table? err
function etag.check(row, expected)
  if expected == nil or expected == row.updated_at then
    return true
  end
  return nil, etag.CHANGED
end

return etag
