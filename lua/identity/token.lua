--- The text of a secret that we give away: `tgk_<26 characters of its id>_<43 characters of its secret>`.
-- The id says which row to read; the secret is 256 random bits in base64url, and only its SHA-256 is kept. What does
-- not have this form is refused without asking the database.
local token = {}

local SECRET_BYTES <const> = 32
local MARKS <const> = { key = "tgk", ses = "tgs" } -- by the prefix of the id

--- Makes one.
---@param prefix "key"|"ses"
---@return {id: string, text: string, hash: string} id as key_…; the text is shown once; the hash (hex) is stored
function token.new(prefix)
  local id = tg.id.new(prefix)
  local secret = tg.crypto.random(SECRET_BYTES)
  return {
    id = id,
    text = ("%s_%s_%s"):format(MARKS[prefix], id:sub(#prefix + 2), tg.crypto.base64url(secret)),
    hash = tg.crypto.hex(tg.crypto.sha256(secret)),
  }
end

--- Takes a text apart.
---@param text string
---@param prefix "key"|"ses"
---@return string? id, string? hash  raw; nil when it has not the form of one
function token.parse(text, prefix)
  local mark, suffix, encoded = text:match("^(%w+)_(%w+)_([%w%-_]+)$")
  if mark ~= MARKS[prefix] or #suffix ~= 26 or #encoded ~= 43 then
    return nil
  end
  local id = prefix .. "_" .. suffix
  local secret = tg.id.is(id, prefix) and tg.crypto.unbase64url(encoded) or nil
  if not secret or #secret ~= SECRET_BYTES then
    return nil
  end
  return id, tg.crypto.sha256(secret)
end

return token
