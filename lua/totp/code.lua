--- Codes of the moment (RFC 6238): six digits of HMAC-SHA1, a new one every thirty seconds.
-- Pure: a secret, a time and what was taken before go in.
local code = {}

local STEP_US <const> = 30 * 1000000
local BASE32 <const> = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

--- RFC 4648 §6, without padding.
---@param bytes string
---@return string
function code.base32(bytes)
  local out, bits, n_bits = {}, 0, 0
  for i = 1, #bytes do
    bits, n_bits = (bits << 8 | bytes:byte(i)) & 0xfff, n_bits + 8
    while n_bits >= 5 do
      n_bits = n_bits - 5
      local digit = bits >> n_bits & 31
      out[#out + 1] = BASE32:sub(digit + 1, digit + 1)
    end
  end
  if n_bits > 0 then
    local digit = bits << (5 - n_bits) & 31
    out[#out + 1] = BASE32:sub(digit + 1, digit + 1)
  end
  return table.concat(out)
end

--- The step that a time is in.
---@param now integer µs
---@return integer
function code.step(now)
  return now // STEP_US
end

--- The code of a step.
---@param secret string
---@param step integer
---@param digits integer? 6
---@return string
function code.at(secret, step, digits)
  local mac = tg.crypto.hmac_sha1(secret, string.pack(">i8", step))
  local number = string.unpack(">I4", mac, (mac:byte(-1) & 15) + 1) & 0x7fffffff
  digits = digits or 6
  return ("%0" .. digits .. "d"):format(number % (10 ^ digits // 1 | 0))
end

--- Which step is this the code of: the one of now, the one before or the one behind? Clocks differ a little. Steps up
--- to the last one taken are over. All three are always compared.
---@param secret string
---@param text string
---@param now integer µs
---@param last_step integer
---@return integer? step
function code.find(secret, text, now, last_step)
  local found
  for step = code.step(now) - 1, code.step(now) + 1 do
    if tg.crypto.equal(code.at(secret, step), text) and step > last_step then
      found = found or step
    end
  end
  return found
end

local function percent(text)
  return (text:gsub("[^%w%-%._~]", function(c)
    return ("%%%02X"):format(c:byte())
  end))
end

--- What an authenticator reads, as a QR code or a link.
---@param secret string
---@param account string
---@return string
function code.uri(secret, account)
  return ("otpauth://totp/Tollgate:%s?secret=%s&issuer=Tollgate&algorithm=SHA1&digits=6&period=30"):format(
    percent(account), code.base32(secret)
  )
end

return code
