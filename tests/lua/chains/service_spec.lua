local script = require("helper")
local chains = require("chains.service")
local jobs = require("chains.jobs")

local COMPANY <const> = script.ids.own
local OTHER <const> = script.ids.child
local JOB <const> = { id = tg.id.new("job"), attempts = 1 }

local function rows(n, prefix)
  local list = {}
  for i = 1, n do
    list[i] = { company = ("0"):rep(32), last = prefix .. "_" .. i, id = tostring(i), at = "t" }
  end
  return list
end

describe("sealing", function()
  after_each(script.finish)

  it("adds the next link over what is old enough", function()
    script.expect("audit_unsealed", { { company = COMPANY, seq = 4, last = "aud_0", hash = ("h"):rep(32) } })
    script.expect("audit_rows", rows(2, "aud"), nil, function(args)
      assert.equal("aud_0", args.after)
      assert.is_true(tg.id.is(args.to, "aud"))
    end)
    script.expect("audit_insert_link", 1, nil, function(list)
      local link = list[1]
      assert.same({ 1, 5, "aud_1", "aud_2", 2 }, { #list, link.seq, link.first, link.last, link.n })
      assert.equal(tg.crypto.hex(chains.hash("audit", ("h"):rep(32), ("0"):rep(32), 5, rows(2, "aud"))), link.hash)
    end)
    assert.is_true(jobs.seal_audit({}, JOB))
  end)

  it("leaves what is young, and goes on while there is more than a link holds", function()
    script.expect("audit_unsealed", { { company = COMPANY } })
    script.expect("audit_rows", rows(500, "aud"))
    script.expect("audit_rows", rows(1, "aud"), nil, function(args)
      assert.equal("aud_500", args.after)
    end)
    script.expect("audit_insert_link", 2, nil, function(list)
      assert.same({ 1, 500, 2, 1 }, { list[1].seq, list[1].n, list[2].seq, list[2].n })
    end)
    assert.is_true(jobs.seal_audit({}, JOB))
  end)

  it("seals the entries of each company by itself", function()
    script.expect("ledger_unsealed", { { company = COMPANY }, { company = OTHER } })
    script.expect("ledger_rows", rows(1, "ent"), nil, function(args)
      assert.same({ COMPANY, true }, { args.company, tg.id.is(args.to, "ent") })
    end)
    script.expect("ledger_rows", {})
    script.expect("ledger_insert_link", 1, nil, function(list)
      assert.same({ 1, COMPANY }, { #list, list[1].company })
    end)
    assert.is_true(jobs.seal_ledger({}, JOB))
  end)

  it("passes over a company that cannot be sealed now, and is tried again for it", function()
    script.expect("ledger_unsealed", { { company = COMPANY }, { company = OTHER } })
    script.expect("ledger_rows", nil, { code = "conflict", native = 1205 })
    script.expect("ledger_rows", rows(1, "ent"))
    script.expect("ledger_insert_link", 1)
    local done, err = jobs.seal_ledger({}, JOB)
    assert.is_nil(done)
    assert.equal(1205, err.native)
  end)

  it("gives way to another node that made the same link", function()
    script.expect("audit_unsealed", { { company = COMPANY } })
    script.expect("audit_rows", rows(1, "aud"))
    script.expect("audit_insert_link", nil, { code = "conflict", native = 1062 })
    assert.is_true(jobs.seal_audit({}, JOB))
  end)

  it("goes on in another job when its time is over", function()
    local now = tg.time.now
    local later = 0
    tg.time.now = function()
      return now() + later
    end
    script.expect("ledger_unsealed", { { company = COMPANY }, { company = OTHER } })
    script.expect("ledger_rows", rows(500, "ent"), nil, function()
      later = 6 * 1000000
    end)
    script.expect("ledger_insert_link", 1)
    script.expect("insert", 1, nil, function(args)
      assert.same({ "chains.jobs:seal_ledger", "chains:" .. JOB.id }, { args.handler, args.unique_key })
    end)
    local done = jobs.seal_ledger({}, JOB)
    tg.time.now = now
    assert.is_true(done)
  end)

  it("fails with the database, to be tried again", function()
    script.expect("audit_unsealed", nil, { code = "upstream", detail = "away" })
    local done, err = jobs.seal_audit({}, JOB)
    assert.is_nil(done)
    assert.equal("upstream", err.code)
  end)
end)
