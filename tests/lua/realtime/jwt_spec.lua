require("helper")
local jwt = require("realtime.jwt")

local ed <const> = tg.crypto.ed25519
local b64 <const> = tg.crypto.base64url
local NOW <const> = 1784030400
local SEED <const>, PUBLIC <const> = ed.keypair()
local OTHER_SEED <const> = ed.keypair()
local WANT <const> = { now = NOW * 1000000, audience = "here", issuer = "us" }

local function claims(fields)
  local c = { iss = "us", aud = "here", sub = "usr_1", iat = NOW, exp = NOW + 300 }
  for name, value in pairs(fields or {}) do
    c[name] = value ~= tg.json.null and value or nil
  end
  return c
end

local function header(fields)
  local h = { alg = "EdDSA", kid = jwt.kid(PUBLIC), typ = "JWT" }
  for name, value in pairs(fields or {}) do
    h[name] = value ~= tg.json.null and value or nil
  end
  return h
end

-- A token whatever is in it: parts are tables, or texts as they stand.
local function token(head, body, seed)
  local function part(value)
    return b64(type(value) == "string" and value or tg.json.encode(value))
  end
  local text = part(head) .. "." .. part(body)
  return text .. "." .. b64(ed.sign(seed or SEED, text))
end

local function find_key(kid)
  return kid == jwt.kid(PUBLIC) and PUBLIC or nil
end

local function verify(text)
  return jwt.verify(text, find_key, WANT)
end

describe("a token", function()
  it("that we signed says what we said", function()
    local said = verify(jwt.sign(claims({ sid = "ses_1" }), { public = PUBLIC, seed = SEED }))
    assert.same(claims({ sid = "ses_1" }), said)
  end)

  it("names its key by the thumbprint of RFC 8037, appendix A.3", function()
    local public = tg.crypto.unbase64url("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
    assert.equal("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", jwt.kid(public))
  end)

  it("is refused for what its claims say", function()
    for _, case in ipairs({
      { { exp = NOW }, "over" }, { { exp = tg.json.null }, "over" }, { { exp = tostring(NOW + 300) }, "over" },
      { { iat = NOW + 6 }, "future" }, { { iat = tg.json.null }, "future" },
      { { nbf = NOW + 6 }, "not valid yet" }, { { nbf = "x" }, "not valid yet" },
      { { aud = "there" }, "not for here" }, { { aud = { "here" } }, "not for here" },
      { { iss = tg.json.null }, "not for here" }, { { sub = "" }, "nobody's" }, { { sub = 1 }, "nobody's" },
    }) do
      local said, why = verify(token(header(), claims(case[1])))
      assert.is_nil(said)
      assert.truthy(why:find(case[2], 1, true), why)
    end
    assert.is_table(verify(token(header(), claims({ iat = NOW + 5, nbf = NOW - 1 }))))
  end)

  it("chooses neither its algorithm nor its key", function()
    for _, fields in ipairs({
      { alg = "none" }, { alg = "HS256" }, { alg = "eddsa" }, { alg = tg.json.null }, { alg = { "EdDSA" } },
      { kid = "another" }, { kid = tg.json.null }, { kid = 1 }, { typ = "at+jwt" }, { crit = { "b64" } },
    }) do
      assert.is_nil(verify(token(header(fields), claims())))
    end
    assert.is_nil(verify(token(header(), claims(), OTHER_SEED)))
    assert.is_table(verify(token(header({ typ = tg.json.null, jku = "https://evil.example" }), claims())))
  end)

  it("is refused when anything of it was changed, cut or added", function()
    local good <const> = token(header(), claims())
    for at = 1, #good do
      local c = good:sub(at, at)
      local changed = good:sub(1, at - 1) .. (c == "A" and "B" or "A") .. good:sub(at + 1)
      assert.is_nil(verify(changed), changed)
      assert.is_nil(verify(good:sub(1, at - 1)), at)
    end
    for _, text in ipairs({
      good .. "A", good .. ".", good .. "=", "." .. good, " " .. good, good .. "\n", good .. "\0",
    }) do
      assert.is_nil(verify(text))
    end
  end)

  it("that is none is refused, and nothing breaks", function()
    local signature <const> = b64(("\0"):rep(64))
    for _, text in ipairs({
      "", ".", "..", "...", "a.b.c", "e30.e30.", b64("{}") .. "." .. b64("{}") .. "." .. signature,
      ("A"):rep(5000), ("a."):rep(2000), "\xff.\xff.\xff", b64("[1]") .. ".e30." .. signature,
      b64(("["):rep(2000)) .. ".e30." .. signature,
      b64('{"alg":"EdDSA","alg":"EdDSA","kid":"x"}') .. ".e30." .. signature,
      b64('{"alg":"EdDSA","kid":"\\u0000"}') .. ".e30." .. signature, b64("\xef\xbb\xbf{}") .. ".e30." .. signature,
    }) do
      assert.is_nil(verify(text))
    end
    for _, value in ipairs({ 1, true, {} }) do
      assert.is_nil(verify(value))
    end
    assert.is_nil(verify(nil))
    for _, body in ipairs({ "[]", "null", "1", '"x"', "{", "", '{"exp":1,"exp":2}', '{"exp":1e400}', "\xff" }) do
      assert.is_nil(verify(token(header(), body)))
    end
  end)

  it("with parts that somebody made of noise is refused", function()
    local state = 7
    local function byte()
      state = (state * 1103515245 + 12345) & 0x7fffffff
      return string.char(state >> 16 & 255)
    end
    local good <const> = token(header(), claims())
    for _ = 1, 2000 do
      local at, c = state % #good + 1, byte()
      local text = good:sub(1, at - 1) .. c .. good:sub(at + 1)
      if text ~= good then
        assert.is_nil(verify(text))
      end
    end
  end)
end)
