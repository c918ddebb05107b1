--- The text of an API key: `tgk_<26 characters of its id>_<43 characters of its secret>`.
-- The id says which row to read; the secret is 256 random bits in base64url, and only its SHA-256 is kept. What does
-- not have this form is refused without asking the database.
local token = {}

local SECRET_BYTES <const> = 32

--- Makes a key.
---@return {id: string, text: string, hash: string} id as key_…; the text is shown once; the hash (hex) is stored
function token.new()
  local id = tg.id.new("key")
  local secret = tg.crypto.random(SECRET_BYTES)
  return {
    id = id,
    text = "tgk_" .. id:sub(#"key_" + 1) .. "_" .. tg.crypto.base64url(secret),
    hash = tg.crypto.hex(tg.crypto.sha256(secret)),
  }
end

--- Takes a key's text apart.
---@param text string
---@return string? id, string? hash  raw; nil when it has not the form of a key
function token.parse(text)
  local suffix, encoded = text:match("^tgk_(%w+)_([%w%-_]+)$")
  if not suffix or #suffix ~= 26 or #encoded ~= 43 then
    return nil
  end
  local id = "key_" .. suffix
  local secret = tg.id.is(id, "key") and tg.crypto.unbase64url(encoded) or nil
  if not secret or #secret ~= SECRET_BYTES then
    return nil
  end
  return id, tg.crypto.sha256(secret)
end

return token
