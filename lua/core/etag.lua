--- ETags: two who edit the same thing do not undo each other's work.
-- An answer that shows a row names its state; a change that repeats the name in If-Match happens only while that is the
-- state (RFC 9110 §13.1.1). The name is the time of the last change, so a row needs nothing more than `updated_at`.
-- Without If-Match, or with `*`, the change happens in any case.
local etag = {}

local NEVER <const> = 0 -- no row was changed then

--- Somebody was faster.
etag.CHANGED = {
  code = "input", status = 412, type = "precondition_failed",
  detail = "It was changed meanwhile: read it again, and send the change with the ETag that you get.",
}

--- The headers of an answer that shows the row.
---@param row {updated_at: integer}
---@return table<string, string>
function etag.headers(row)
  return { etag = ('"%x"'):format(row.updated_at) }
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
  local digits <const> = text:match('^"(%x+)"$') or text:match('^W/"(%x+)"$')
  return digits and #digits <= 15 and math.tointeger(tonumber(digits, 16)) or NEVER
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
