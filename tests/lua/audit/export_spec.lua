local export = require("audit.export")

local function entry(fields)
  local one = {
    id = "aud_1", company = "co_1", at = "2026-07-14T12:00:00Z", actor = tg.json.null, session = tg.json.null,
    address = "::1", request_id = "r", action = "a.b", object = "o", outcome = "done", before = tg.json.null,
    after = tg.json.null,
  }
  for name, value in pairs(fields or {}) do
    one[name] = value
  end
  return one
end

local function object_cell(text)
  return export.csv({ entry({ object = text }) }):match("a%.b,(.*),done,,\r\n$")
end

describe("the log as CSV", function()
  it("has a header and a line for each entry, null as nothing", function()
    assert.equal(
      "id,company,at,actor,session,address,request_id,action,object,outcome,before,after\r\n"
        .. "aud_1,co_1,2026-07-14T12:00:00Z,,,::1,r,a.b,o,done,,\r\n",
      export.csv({ entry() })
    )
  end)

  it("has no cell that a spreadsheet would run", function()
    for _, text in ipairs({ "=1+1", "+1", "-1", "@SUM(A1)", "\tx" }) do
      assert.equal("'" .. text, object_cell(text))
    end
    assert.equal("\"'=A1,\"\"x\"\"\"", object_cell('=A1,"x"'))
    assert.equal("a-b", object_cell("a-b"))
  end)

  it("keeps what has commas, quotes or lines in quotes", function()
    assert.equal('"a,""b""\nc"', object_cell('a,"b"\nc'))
  end)
end)

describe("the log as JSON lines", function()
  it("has a line for each entry", function()
    local lines = export.jsonl({ entry(), entry({ object = "a\nb" }) })
    local _, n = lines:gsub("\n", "")
    assert.equal(2, n)
  end)
end)
