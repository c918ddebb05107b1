--- What can go wrong, as values.
-- A function that the world can disappoint returns `nil, err`; `err` is one of these tables, or came out of `tg.*`
-- in the same shape. The web layer turns it into an RFC 9457 problem document, by `code`:
-- input 422 (or the given status), not_found 404, denied 403, conflict 409, busy 503, upstream 502, uncertain 504.
-- A bug is `error()`, never one of these.
local errors = {}

---@class (exact) errors.Fault
---@field pointer string  JSON pointer into the body, or "?name" for a query parameter
---@field detail string

---@class errors.Error
---@field code "input"|"not_found"|"denied"|"conflict"|"busy"|"upstream"|"uncertain"|"bug"
---@field detail string   a sentence for the caller
---@field type string?    slug of https://tollgate.dev/problems/<slug>
---@field status integer? instead of the one that belongs to `code`
---@field errors errors.Fault[]?
---@field native integer? what the database or the provider said

--- Several faults of one input.
---@param faults errors.Fault[] at least one
---@return errors.Error
function errors.faults(faults)
  assert(faults[1], "an input error without a fault")
  local first = faults[1]
  local detail = ("%s %s"):format(first.pointer == "" and "The body" or first.pointer, first.detail)
  if #faults > 1 then
    detail = ("%s, and %d more: see errors"):format(detail, #faults - 1)
  end
  return { code = "input", type = "invalid_input", detail = detail, errors = faults }
end

--- One fault of the input.
---@param pointer string
---@param detail string
---@return errors.Error
function errors.input(pointer, detail)
  return errors.faults({ { pointer = pointer, detail = detail } })
end

--- An input that is refused as a whole: no field is to blame.
---@param slug string
---@param detail string
---@return errors.Error
function errors.refused(slug, detail)
  return { code = "input", type = slug, detail = detail }
end

--- Nothing there, or nothing that the caller may know of: the two are told apart to nobody.
---@param what string "company", "rate deck", …
---@return errors.Error
function errors.not_found(what)
  return { code = "not_found", type = "not_found", detail = "There is no such " .. what .. "." }
end

---@param detail string
---@return errors.Error
function errors.denied(detail)
  return { code = "denied", type = "denied", detail = detail }
end

---@param slug string
---@param detail string
---@return errors.Error
function errors.conflict(slug, detail)
  return { code = "conflict", type = slug, detail = detail }
end

local DUPLICATE_ENTRY <const> = 1062 -- MariaDB's number

--- Did a statement fail because a unique key already has the row?
---@param err errors.Error?
---@return boolean
function errors.is_duplicate(err)
  return err ~= nil and err.native == DUPLICATE_ENTRY
end

return errors
