local script = require("helper")
local jobs = require("audit.jobs")

local COMPANY <const> = script.ids.own

local function rows(n)
  local list = {}
  for i = 1, n do
    list[i] = { company = ("0"):rep(32), last = "aud_" .. i, id = tostring(i), at = "t", actor = "", address = "",
      request_id = "", action = "a", object = "", outcome = "done" }
  end
  return list
end

describe("sealing the log", function()
  after_each(script.finish)

  it("adds the next link over what is old enough", function()
    script.expect("unsealed_companies", { { company = COMPANY } })
    script.expect("last_link", { seq = 4, last = "aud_0", hash = ("h"):rep(32) })
    script.expect("rows_to_seal", rows(2), nil, function(args)
      assert.equal("aud_0", args.after)
      assert.is_true(tg.id.is(args.to, "aud"))
      assert.is_true(script.in_transaction)
    end)
    script.expect("insert_link", 1, nil, function(args)
      assert.same({ 5, "aud_1", "aud_2", 2, 64 }, { args.seq, args.first, args.last, args.n, #args.hash })
    end)
    assert.is_true(jobs.seal())
  end)

  it("leaves what is young, and goes on while there is more than a link holds", function()
    script.expect("unsealed_companies", { { company = COMPANY } })
    script.expect("last_link", nil)
    script.expect("rows_to_seal", rows(500))
    script.expect("insert_link", 1, nil, function(args)
      assert.equal(1, args.seq)
    end)
    script.expect("last_link", { seq = 1, last = "aud_500", hash = ("h"):rep(32) })
    script.expect("rows_to_seal", {})
    assert.is_true(jobs.seal())
  end)

  it("gives way to another node that made the same link", function()
    script.expect("unsealed_companies", { { company = COMPANY } })
    script.expect("last_link", nil)
    script.expect("rows_to_seal", rows(1))
    script.expect("insert_link", nil, { code = "conflict", native = 1062 })
    assert.is_true(jobs.seal())
  end)

  it("fails with the database, to be tried again", function()
    script.expect("unsealed_companies", nil, { code = "upstream", detail = "away" })
    local done, err = jobs.seal()
    assert.is_nil(done)
    assert.equal("upstream", err.code)
  end)
end)
