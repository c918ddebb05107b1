--- A stand-in for `tg` under plain Lua: enough of it, exact where it computes, for specs that run with no server.
-- The real one is C and has tests of its own; the end-to-end suite runs the application on it. `tg.db` is a script:
-- a spec lists the statements it expects, in order, with what each answers (tests/lua/helper.lua).
local cjson = require("cjson")

local fake = {}

-- json ---------------------------------------------------------------------------------------------

local array_mark = { __name = "array" }
local null = cjson.null

local function from_cjson(value)
  if math.type(value) == "float" and math.tointeger(value) then
    return math.tointeger(value)
  elseif type(value) == "table" then
    local list = #value > 0
    for key, element in pairs(value) do
      value[key] = from_cjson(element)
    end
    return list and setmetatable(value, array_mark) or value
  end
  return value
end

fake.json = {
  null = null,
  array = function(list)
    return setmetatable(list, array_mark)
  end,
  is_array = function(value)
    return getmetatable(value) == array_mark
  end,
  encode = function(value)
    return cjson.encode(value)
  end,
  decode = function(text)
    local ok, value = pcall(cjson.decode, text)
    if not ok then
      return nil, { code = "input", detail = value }
    end
    return from_cjson(value)
  end,
}
fake.json.decode_rounded = fake.json.decode -- of doubles, here as there

-- id: a prefix and 26 digits of Crockford base32 ---------------------------------------------------

local ALPHABET <const> = "0123456789abcdefghjkmnpqrstvwxyz"

local function encode_id(bytes, prefix)
  local bits, n_bits, out = 0, 2, {}
  for i = 1, 16 do
    bits, n_bits = (bits << 8) | bytes:byte(i), n_bits + 8
    while n_bits >= 5 do
      n_bits = n_bits - 5
      local digit = (bits >> n_bits) & 31
      out[#out + 1] = ALPHABET:sub(digit + 1, digit + 1)
    end
    bits = bits & 0xff
  end
  return prefix .. "_" .. table.concat(out)
end

local next_id = 0
fake.id = {
  format = encode_id,
  new = function(prefix)
    next_id = next_id + 1
    return encode_id(("\0"):rep(8) .. string.pack(">I8", next_id), prefix)
  end,
  is = function(text, prefix)
    local digits = type(text) == "string" and text:match("^" .. prefix .. "_([0-7]%w+)$")
    return digits ~= nil and digits ~= false and #digits == 26 and not digits:find("[^" .. ALPHABET .. "]")
  end,
}

-- crypto -------------------------------------------------------------------------------------------

local function primes(n)
  local list, candidate = {}, 2
  while #list < n do
    local is_prime = true
    for _, p in ipairs(list) do
      if candidate % p == 0 then
        is_prime = false
        break
      end
    end
    if is_prime then
      list[#list + 1] = candidate
    end
    candidate = candidate + 1
  end
  return list
end

local PRIMES <const> = primes(64)

-- The first 32 bits behind the point of the root of a prime.
local function root_bits(prime, exponent)
  local root = prime ^ exponent
  return math.floor((root - math.floor(root)) * 0x100000000)
end

local function rotate(x, n)
  return ((x >> n) | (x << (32 - n))) & 0xffffffff
end

local function compress(state, block, constants)
  local w = { string.unpack(">" .. ("I4"):rep(16), block) }
  for i = 17, 64 do
    local a, b = w[i - 15], w[i - 2]
    local s0 = rotate(a, 7) ~ rotate(a, 18) ~ (a >> 3)
    local s1 = rotate(b, 17) ~ rotate(b, 19) ~ (b >> 10)
    w[i] = (w[i - 16] + s0 + w[i - 7] + s1) & 0xffffffff
  end
  local a, b, c, d, e, f, g, h = table.unpack(state)
  for i = 1, 64 do
    local s1 = rotate(e, 6) ~ rotate(e, 11) ~ rotate(e, 25)
    local t1 = h + s1 + ((e & f) ~ (~e & g)) + constants[i] + w[i]
    local s0 = rotate(a, 2) ~ rotate(a, 13) ~ rotate(a, 22)
    local t2 = s0 + ((a & b) ~ (a & c) ~ (b & c))
    h, g, f, e, d, c, b, a = g, f, e, (d + t1) & 0xffffffff, c, b, a, (t1 + t2) & 0xffffffff
  end
  for i, value in ipairs({ a, b, c, d, e, f, g, h }) do
    state[i] = (state[i] + value) & 0xffffffff
  end
end

local function sha256(text)
  local constants, state = {}, {}
  for i, prime in ipairs(PRIMES) do
    constants[i] = root_bits(prime, 1 / 3)
    if i <= 8 then
      state[i] = root_bits(prime, 1 / 2)
    end
  end
  local padded = text .. "\x80" .. ("\0"):rep((55 - #text) % 64) .. string.pack(">I8", #text * 8)
  for at = 1, #padded, 64 do
    compress(state, padded:sub(at, at + 63), constants)
  end
  return string.pack(">" .. ("I4"):rep(8), table.unpack(state))
end

-- FIPS 180-4: older, and for one-time codes only.
local function sha1(text)
  local h = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 }
  local padded = text .. "\x80" .. ("\0"):rep((55 - #text) % 64) .. string.pack(">I8", #text * 8)
  for at = 1, #padded, 64 do
    local w = { string.unpack(">" .. ("I4"):rep(16), padded:sub(at, at + 63)) }
    for i = 17, 80 do
      w[i] = rotate(w[i - 3] ~ w[i - 8] ~ w[i - 14] ~ w[i - 16], 31)
    end
    local a, b, c, d, e = table.unpack(h)
    for i = 1, 80 do
      local f, k = b ~ c ~ d, i <= 40 and 0x6ed9eba1 or 0xca62c1d6
      if i <= 20 then
        f, k = (b & c) | (~b & d), 0x5a827999
      elseif i > 40 and i <= 60 then
        f, k = (b & c) | (b & d) | (c & d), 0x8f1bbcdc
      end
      a, b, c, d, e = (rotate(a, 27) + f + e + k + w[i]) & 0xffffffff, a, rotate(b, 2), c, d
    end
    for i, value in ipairs({ a, b, c, d, e }) do
      h[i] = (h[i] + value) & 0xffffffff
    end
  end
  return string.pack(">I4I4I4I4I4", table.unpack(h))
end

-- RFC 2104
local function hmac(hash, key, text)
  key = #key > 64 and hash(key) or key
  key = key .. ("\0"):rep(64 - #key)
  local function pad(with)
    return (key:gsub(".", function(c)
      return string.char(c:byte() ~ with)
    end))
  end
  return hash(pad(0x5c) .. hash(pad(0x36) .. text))
end

local URL64 <const> = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

local function base64url(bytes)
  return (bytes:gsub("..?.?", function(group)
    local a, b, c = group:byte(1, 3)
    local bits = a << 16 | (b or 0) << 8 | (c or 0)
    local out = {}
    for i = 1, #group + 1 do
      local digit = (bits >> (24 - 6 * i)) & 63
      out[i] = URL64:sub(digit + 1, digit + 1)
    end
    return table.concat(out)
  end))
end

local function unbase64url(text)
  if text:find("[^%w%-_]") or #text % 4 == 1 then
    return nil, { code = "input", detail = "not base64url" }
  end
  local bytes = text:gsub("..?.?.?", function(group)
    local bits = 0
    for i = 1, 4 do
      local digit = i <= #group and URL64:find(group:sub(i, i), 1, true) - 1 or 0
      bits = bits << 6 | digit
    end
    return string.pack(">I3", bits):sub(1, #group - 1)
  end)
  return base64url(bytes) == text and bytes or nil -- there is one way to write them
end

local n_random = 0
fake.crypto = {
  sha256 = sha256, base64url = base64url, unbase64url = unbase64url,
  hex = function(bytes)
    return (bytes:gsub(".", function(c)
      return ("%02x"):format(c:byte())
    end))
  end,
  equal = function(a, b)
    return a == b
  end,
  random = function(n)
    n_random = n_random + 1
    return sha256("random " .. n_random):sub(1, n)
  end,
  hmac_sha1 = function(key, text)
    return hmac(sha1, key, text)
  end,
  hmac_sha256 = function(key, text)
    return hmac(sha256, key, text)
  end,
  -- Not Ed25519, which is too much for here: whoever knows the public key could sign.
  ed25519 = {
    keypair = function()
      local seed = fake.crypto.random(32)
      return seed, sha256(seed)
    end,
    sign = function(seed, message)
      return hmac(sha256, sha256(seed), message) .. ("\0"):rep(32)
    end,
    verify = function(public, message, signature)
      return hmac(sha256, public, message) .. ("\0"):rep(32) == signature
    end,
  },
  argon2id = function(password)
    return "argon2id of " .. password
  end,
  argon2id_verify = function(password, hash)
    return hash == "argon2id of " .. password
  end,
}

-- time: RFC 3339 in UTC ----------------------------------------------------------------------------

local function days_from_civil(y, m, d)
  y = m <= 2 and y - 1 or y
  local era = y // 400
  local yoe = y - era * 400
  local doy = (153 * (m + (m > 2 and -3 or 9)) + 2) // 5 + d - 1
  return era * 146097 + yoe * 365 + yoe // 4 - yoe // 100 + doy - 719468
end

local TIME <const> = "^(%d%d%d%d)-(%d%d)-(%d%d)T(%d%d):(%d%d):(%d%d)(%.?%d*)Z$"

fake.now = 1784030400000000 -- 2026-07-14T12:00:00Z
fake.time = {
  now = function()
    return fake.now
  end,
  parse = function(text)
    local y, m, d, hour, minute, second, fraction = text:match(TIME)
    if not y then
      return nil, { code = "input", detail = "not RFC 3339" }
    end
    local us = math.tointeger((fraction:sub(2) .. "000000"):sub(1, 6))
    local days = days_from_civil(math.tointeger(y), math.tointeger(m), math.tointeger(d))
    if os.date("!%Y-%m-%d", days * 86400) ~= text:sub(1, 10) then
      return nil, { code = "input", detail = "no such day" }
    end
    local minutes = (days * 24 + math.tointeger(hour)) * 60 + math.tointeger(minute)
    return (minutes * 60 + math.tointeger(second)) * 1000000 + us
  end,
  format = function(us)
    local fraction = us % 1000000 == 0 and "" or us % 1000 == 0 and (".%03d"):format(us // 1000 % 1000)
      or (".%06d"):format(us % 1000000)
    return os.date("!%Y-%m-%dT%H:%M:%S", us // 1000000) .. fraction .. "Z"
  end,
}

-- calendar: of UTC only ----------------------------------------------------------------------------

fake.calendar = {
  date = function(us, zone)
    assert(zone == "UTC", "the stand-in knows UTC only")
    return os.date("!%Y-%m-%d", us // 1000000)
  end,
  start_of_day = function(day, zone)
    assert(zone == "UTC", "the stand-in knows UTC only")
    return (fake.time.parse(day .. "T00:00:00Z"))
  end,
}

-- decimal: 12 places in one integer, so up to nine millions ----------------------------------------

local SCALE <const> = 1000000000000
local decimal_meta = { __name = "decimal" }

local function raw(units)
  return setmetatable({ units = units }, decimal_meta)
end

local function new(value)
  if getmetatable(value) == decimal_meta then
    return value
  elseif math.type(value) == "integer" then
    return raw(value * SCALE)
  end
  local sign, whole, places = value:match("^(%-?)(%d+)%.?(%d*)$")
  assert(whole and #places <= 12, "not a decimal")
  local units = math.tointeger(whole) * SCALE + math.tointeger((places .. ("0"):rep(12)):sub(1, 12))
  return raw(sign == "-" and -units or units)
end

decimal_meta.__add = function(a, b) return raw(new(a).units + new(b).units) end
decimal_meta.__sub = function(a, b) return raw(new(a).units - new(b).units) end
decimal_meta.__unm = function(a) return raw(-a.units) end
decimal_meta.__eq = function(a, b) return a.units == b.units end
decimal_meta.__lt = function(a, b) return new(a).units < new(b).units end
decimal_meta.__le = function(a, b) return new(a).units <= new(b).units end
decimal_meta.__tostring = function(a)
  local units = math.abs(a.units)
  local places = ("%012d"):format(units % SCALE):gsub("0+$", "")
  return (a.units < 0 and "-" or "") .. units // SCALE .. (places ~= "" and "." .. places or "")
end

-- a * b // c and the rest, of numbers that are not negative, by way of 128 bits.
local function wide(a, b, c)
  local mask <const> = 0xffffffff
  local low, mid = (a & mask) * (b & mask), (a >> 32) * (b & mask)
  local cross = (a & mask) * (b >> 32) + (mid & mask) + (low >> 32)
  local high = (a >> 32) * (b >> 32) + (mid >> 32) + (cross >> 32)
  low = cross << 32 | low & mask
  local quotient, rest = 0, 0
  for bit = 127, 0, -1 do
    rest = rest << 1 | (bit > 63 and high >> (bit - 64) or low >> bit) & 1
    quotient = quotient << 1
    if rest < 0 or rest >= c then
      rest, quotient = rest - c, quotient | 1
    end
  end
  return quotient, rest
end

-- a * num / den at so many places; half_up and down: no spec needs another mode.
local function ratio(a, num, den, places, mode)
  assert(mode == "half_up" or mode == "down", "the stand-in rounds half up, or down")
  local step = 10 ^ (12 - places) // 1 | 0
  assert(den > 0)
  local quotient, rest = wide(math.abs(a), math.abs(num), den)
  if step > 1 then
    quotient, rest, den = quotient // step, quotient % step, step
  end
  if mode == "half_up" and rest >= den - rest then
    quotient = quotient + 1
  end
  return raw((a < 0) ~= (num < 0) and -quotient * step or quotient * step)
end

local function muldiv(a, num, den, places, mode)
  return ratio(new(a).units, num, den, places, mode)
end

fake.decimal = {
  new = new, muldiv = muldiv,
  is_decimal = function(value)
    return getmetatable(value) == decimal_meta
  end,
  mul = function(a, b, places, mode)
    return ratio(new(a).units, new(b).units, SCALE, places, mode)
  end,
  div = function(a, b, places, mode)
    local divisor = new(b).units
    return ratio(divisor < 0 and -new(a).units or new(a).units, SCALE, math.abs(divisor), places, mode)
  end,
  tointeger = function(a)
    local units = new(a).units
    return units % SCALE == 0 and units // SCALE or nil
  end,
}

-- money --------------------------------------------------------------------------------------------

local CURRENCIES <const> = { USD = 2, EUR = 2, JPY = 0, KWD = 3 }
fake.money = {
  currency = function(code)
    return CURRENCIES[code] and { code = code, places = CURRENCIES[code] } or nil
  end,
}

-- What has no answer here: a spec that needs one gives it.
local function nothing() end

fake.metrics = { counter = nothing, gauge = nothing, histogram = nothing, inc = nothing, set = nothing }
fake.within = function(_, f, ...)
  return f(...)
end
fake.time.monotonic = fake.time.now
fake.assume = nothing
fake.context = function()
  return { request_id = "req-1" }
end
local locals = {}
fake.locals = function()
  return locals
end
fake.redis = { call = nothing }
fake.mail = { send = nothing }

-- Two master keys; nothing is hidden by them. fake.master_key: the id of the one that seals, nil for none.
fake.master_key = "key2"
fake.secrets = {
  newest = function()
    return fake.master_key
  end,
  seal = function(text, purpose)
    return ("\1%s%s\0%s"):format(fake.master_key, purpose, text)
  end,
  open = function(sealed, purpose)
    local id, for_what, text = sealed:match("^\1(key[12])(.-)\0(.*)$")
    if id and for_what == purpose then
      return text
    end
    return nil, { code = "input", detail = "sealed under another key, for another purpose, or changed" }
  end,
}

fake.log = { info = function() end, warn = function() end, error = function() end, debug = function() end }

return fake
