--- The hash of a link of the chain.
-- SHA-256 over the hash of the link before (32 zero bytes in front of the first), then the company and the number of
-- the link, then the rows in the order of their ids, each by its fields in the order of FIELDS. A field is written as
-- "<bytes>:<text>", a NULL as "-". `tollgate audit verify` (src/charge/auditchain.c) computes the same.
local chain = {}

chain.BEGINNING = ("\0"):rep(32)

local FIELDS <const> = {
  "id", "at", "actor", "session", "address", "request_id", "action", "object", "outcome", "before", "after",
}

local function field(text)
  return text and ("%d:%s"):format(#text, text) or "-"
end

--- The hash that follows `before`.
---@param before string 32 bytes
---@param company string 32 hexadecimal digits
---@param seq integer of the link
---@param rows table<string, string?>[] fields as text, ids as upper-case hexadecimal digits
---@return string hash 32 bytes
function chain.hash(before, company, seq, rows)
  local parts = { before, field(company), field(tostring(seq)) }
  for _, row in ipairs(rows) do
    for _, name in ipairs(FIELDS) do
      parts[#parts + 1] = field(row[name])
    end
  end
  return tg.crypto.sha256(table.concat(parts))
end

return chain
