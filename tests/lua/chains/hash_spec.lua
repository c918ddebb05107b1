local chains = require("chains.service")

local COMPANY <const> = ("0123456789ABCDEF"):rep(2)

local function row(fields)
  local one = {
    id = ("A"):rep(32), at = "2026-07-14 12:00:00.000000", actor = "key_a", address = "::1", request_id = "r",
    action = "a.b", object = "o", outcome = "done",
  }
  for name, value in pairs(fields or {}) do
    one[name] = value
  end
  return one
end

local function hash(...)
  return chains.hash("audit", ...)
end

describe("a link of the chain", function()
  it("is the SHA-256 of the link before and of the fields, each with its length", function()
    local text = chains.BEGINNING .. "32:" .. COMPANY .. "1:1" .. "32:" .. ("A"):rep(32)
      .. "26:2026-07-14 12:00:00.000000" .. "5:key_a" .. "-" .. "3:::1" .. "1:r" .. "3:a.b" .. "1:o" .. "4:done" .. "--"
    assert.equal(tg.crypto.sha256(text), hash(chains.BEGINNING, COMPANY, 1, { row() }))
  end)

  it("holds an entry of the ledger with its postings and draws", function()
    local entry = {
      id = "E1", kind = "usage.charged", events = "2", description = "", at = "t",
      postings = "0 wallet W1 USD -1 9,1 revenue - USD 1 -",
    }
    local text = chains.BEGINNING .. "32:" .. COMPANY .. "1:1" .. "2:E1" .. "13:usage.charged" .. "-" .. "1:2" .. "0:"
      .. "1:t" .. "40:" .. entry.postings .. "-"
    assert.equal(tg.crypto.sha256(text), chains.hash("ledger", chains.BEGINNING, COMPANY, 1, { entry }))
  end)

  it("changes with everything it holds", function()
    local first = hash(chains.BEGINNING, COMPANY, 1, { row() })
    for _, other in ipairs({
      hash(("\1"):rep(32), COMPANY, 1, { row() }), hash(chains.BEGINNING, ("0"):rep(32), 1, { row() }),
      hash(chains.BEGINNING, COMPANY, 2, { row() }), hash(chains.BEGINNING, COMPANY, 1, { row(), row() }),
      hash(chains.BEGINNING, COMPANY, 1, { row({ after = "{}" }) }),
      hash(chains.BEGINNING, COMPANY, 1, { row({ before = "{}" }) }),
      hash(chains.BEGINNING, COMPANY, 1, { row({ session = "" }) }),
      hash(chains.BEGINNING, COMPANY, 1, { row({ action = "a.bo", object = "" }) }),
    }) do
      assert.are_not.equal(first, other)
    end
  end)
end)
