local jobs = require("mail.jobs")
local script = require("helper")
local service = require("mail.service")
local tg_stand_in = require("fake_tg")

local LETTER <const> = { recipient = "ada@example.com", subject = "Hello", body = "text", created_at = 5 }
local ID <const> = tg.id.new("mail")

-- What the mail server says; the letters that it got.
local function server_says(answer, err)
  local got = {}
  tg.mail.send = function(letter)
    got[#got + 1] = letter
    return answer, err
  end
  return got
end

describe("a letter", function()
  local send = tg.mail.send
  after_each(function()
    tg.mail.send = send
    script.finish()
  end)

  it("is written with the job that sends it, in the transaction of what it tells of", function()
    local written
    script.expect("insert", 1, nil, function(args)
      written = args.id
      assert.equal("ada@example.com", args.recipient)
      assert.is_true(script.in_transaction)
    end)
    script.expect("insert", 1, nil, function(args)
      assert.equal("mail.jobs:deliver", args.handler)
      assert.same({ id = written }, args.arguments)
    end)
    local id = tg.db.transaction(function(tx)
      return service.send(tx, {
        company = script.ids.own, recipient = "ada@example.com", subject = "Hello", body = "text",
      })
    end)
    assert.equal(written, id)
    assert.is_true(tg.id.is(id, "mail"))
  end)

  it("waits sealed, and is opened where it is sent only", function()
    local row
    script.expect("insert", 1, nil, function(args)
      row = args
    end)
    script.expect("insert", 1)
    local id = tg.db.transaction(function(tx)
      return service.send(tx, { company = script.ids.own, recipient = "a@b.c", subject = "x", body = "the code 123" })
    end)
    assert.equal("sealed:", row.body:sub(1, 7))
    assert.is_nil(row.body:find("123", 1, true))
    local got = server_says(true)
    script.expect("mail", { recipient = "a@b.c", subject = "x", body = row.body, created_at = 5 })
    script.expect("sent", 1)
    assert.is_truthy(service.deliver(id))
    assert.equal("the code 123", got[1].body)
    script.expect("mail", { recipient = "a@b.c", subject = "x", body = row.body, created_at = 5 })
    local done, err = service.deliver(tg.id.new("mail")) -- in another's place it is worth nothing
    assert.same({ nil, "upstream", true }, { done, err.code, err.retry })
  end)

  it("waits as it is where there is no master key", function()
    local key = tg_stand_in.master_key
    tg_stand_in.master_key = nil
    script.expect("insert", 1, nil, function(args)
      assert.equal("y", args.body)
    end)
    script.expect("insert", 1)
    tg.db.transaction(function(tx)
      return service.send(tx, { company = script.ids.own, recipient = "a@b.c", subject = "x", body = "y" })
    end)
    tg_stand_in.master_key = key
  end)

  it("that cannot be written has no job", function()
    script.expect("insert", nil, { code = "upstream" })
    local id, err = tg.db.transaction(function(tx)
      return service.send(tx, { company = script.ids.own, recipient = "a@b.c", subject = "x", body = "y" })
    end)
    assert.is_falsy(id)
    assert.equal("upstream", err.code)
  end)

  it("is handed over, and then its text is forgotten", function()
    local got = server_says(true)
    script.expect("mail", LETTER)
    script.expect("sent", 1, nil, function(args)
      assert.equal(ID, args.id)
    end)
    assert.equal(1, jobs.deliver({ id = ID }))
    assert.same({ { id = ID, to = "ada@example.com", subject = "Hello", body = "text", date = 5 } }, got)
  end)

  it("that an earlier attempt has sent is not sent again", function()
    local got = server_says(true)
    script.expect("mail", nil)
    assert.is_true(service.deliver(ID))
    assert.same({}, got)
  end)

  it("is tried again when the server is away, and not when it is refused for good", function()
    for code, retry in pairs({ upstream = true, uncertain = true, input = false }) do
      server_says(nil, { code = code })
      script.expect("mail", LETTER)
      local done, err = service.deliver(ID)
      assert.is_nil(done)
      assert.equal(retry, err.retry)
    end
  end)

  it("waits for a database that is away", function()
    local got = server_says(true)
    script.expect("mail", nil, { code = "busy" })
    local done, err = service.deliver(ID)
    assert.is_nil(done)
    assert.equal("busy", err.code)
    assert.same({}, got)
  end)
end)
