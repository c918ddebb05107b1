local chain = require("audit.chain")

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

describe("a link of the chain", function()
  it("is the SHA-256 of the link before and of the fields, each with its length", function()
    local text = chain.BEGINNING .. "32:" .. COMPANY .. "1:1" .. "32:" .. ("A"):rep(32)
      .. "26:2026-07-14 12:00:00.000000" .. "5:key_a" .. "-" .. "3:::1" .. "1:r" .. "3:a.b" .. "1:o" .. "4:done" .. "--"
    assert.equal(tg.crypto.sha256(text), chain.hash(chain.BEGINNING, COMPANY, 1, { row() }))
  end)

  it("changes with everything it holds", function()
    local first = chain.hash(chain.BEGINNING, COMPANY, 1, { row() })
    for _, other in ipairs({
      chain.hash(("\1"):rep(32), COMPANY, 1, { row() }), chain.hash(chain.BEGINNING, ("0"):rep(32), 1, { row() }),
      chain.hash(chain.BEGINNING, COMPANY, 2, { row() }), chain.hash(chain.BEGINNING, COMPANY, 1, { row(), row() }),
      chain.hash(chain.BEGINNING, COMPANY, 1, { row({ after = "{}" }) }),
      chain.hash(chain.BEGINNING, COMPANY, 1, { row({ before = "{}" }) }),
      chain.hash(chain.BEGINNING, COMPANY, 1, { row({ session = "" }) }),
      chain.hash(chain.BEGINNING, COMPANY, 1, { row({ action = "a.bo", object = "" }) }),
    }) do
      assert.are_not.equal(first, other)
    end
  end)
end)
