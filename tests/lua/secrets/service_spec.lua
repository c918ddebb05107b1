local script = require("helper")
local service = require("secrets.service")

local ids = script.ids
local stand_in <const> = require("fake_tg")

local function place(owner)
  return "totp/" .. owner:match("_(%w+)$")
end

describe("a secret", function()
  after_each(function()
    stand_in.master_key = "key2"
    script.finish()
  end)

  it("is sealed for its owner and its name", function()
    local kept
    script.expect("put", 1, nil, function(args)
      kept = args
    end)
    tg.db.transaction(function(tx)
      return service.put(tx, { owner = ids.user, name = "totp", text = "hush" })
    end)
    assert.equal(tg.crypto.hex("key2"), kept.key)
    local sealed = kept.sealed:gsub("..", function(digits)
      return string.char(tonumber(digits, 16))
    end)
    script.expect("get", { sealed = sealed })
    assert.equal("hush", service.get(ids.user, "totp"))
    script.expect("get", { sealed = sealed })
    assert.equal("secret_unreadable", select(2, service.get(ids.key, "totp")).type)
    script.expect("get", { sealed = sealed })
    assert.equal("secret_unreadable", select(2, service.get(ids.user, "jwt")).type)
  end)

  it("that is not there is nothing, and no error", function()
    script.expect("get", nil)
    assert.same({}, { service.get(ids.user, "totp") })
  end)

  it("is neither kept nor read without a master key, and the answer says so", function()
    stand_in.master_key = nil
    script.expect("get", { sealed = "x" })
    for _, err in ipairs({
      select(2, service.ready()), select(2, service.put({}, { owner = ids.user, name = "totp", text = "" })),
      select(2, service.get(ids.user, "totp")), select(2, service.seal("text", "login")),
    }) do
      assert.equal("master_key_missing", err.type)
      assert.equal(503, err.status)
    end
    assert.is_nil(service.unseal("AAAA", "login"))
  end)
end)

describe("a ticket", function()
  it("opens for what it was sealed for, and nothing else does", function()
    local ticket = service.seal("who", "login")
    assert.equal("who", service.unseal(ticket, "login"))
    assert.is_nil(service.unseal(ticket, "other"))
    assert.is_nil(service.unseal("", "login"))
    assert.is_nil(service.unseal("not base64url!", "login"))
    assert.is_nil(service.unseal(tg.crypto.base64url(tg.secrets.seal("who", place(ids.user))), "login"))
  end)
end)

describe("secrets under an older key", function()
  after_each(function()
    stand_in.master_key = "key2"
    script.finish()
  end)

  local function old(owner, purpose)
    stand_in.master_key = "key1"
    local row = { owner = owner, name = "totp", sealed = tg.secrets.seal("hush", purpose or place(owner)) }
    stand_in.master_key = "key2"
    return row
  end

  it("are sealed anew, each where nobody has put another meanwhile", function()
    local row <const> = old(ids.user)
    script.expect("older", { row }, nil, function(args)
      assert.equal(tg.crypto.hex("key2"), args.newest)
      assert.is_nil(args.after)
    end)
    script.expect("replace", 1, nil, function(args)
      assert.equal(tg.crypto.hex(row.sealed), args.was)
      assert.equal(tg.crypto.hex(tg.secrets.seal("hush", place(ids.user))), args.sealed)
      assert.equal(tg.crypto.hex("key2"), args.key)
    end)
    assert.equal(1, service.rotate())
    script.expect("older", {})
    assert.equal(0, service.rotate())
  end)

  it("that cannot be opened are passed over, counted and left as they are", function()
    local rows = {}
    for i = 1, 100 do
      rows[i] = old(ids.user, i <= 2 and "moved" or nil)
    end
    script.expect("older", rows)
    for _ = 3, 100 do
      script.expect("replace", 1)
    end
    script.expect("older", { old(ids.key) }, nil, function(args)
      assert.equal(ids.user, args.after)
    end)
    script.expect("replace", 1)
    local n, err = service.rotate()
    assert.is_nil(n)
    assert.equal("99 sealed anew; 2 cannot be opened with these keys", err.detail)
  end)

  it("stay when the database goes away, and the next run goes on", function()
    local away <const> = { code = "upstream" }
    script.expect("older", nil, away)
    assert.same({ nil, away }, { service.rotate() })
    script.expect("older", { old(ids.user) })
    script.expect("replace", nil, away)
    assert.same({ nil, away }, { service.rotate() })
  end)
end)
