local export = require("core.export")
local script = require("helper")

local null <const> = tg.json.null

describe("an export", function()
  local pages, asked

  local fields <const> = export.query({})
  local what <const> = {
    name = "things", columns = { "id", "text" },
    rows = function(query)
      asked[#asked + 1] = { limit = query.limit, after = query.after and query.after[1] }
      local rows = table.remove(pages, 1)
      return rows or nil, not rows and { code = "upstream", detail = "away" } or nil
    end,
    show = function(row)
      return { id = row.id, text = row.text or null }
    end,
    key = function(row)
      return { row.id }
    end,
  }

  before_each(function()
    pages, asked = {}, {}
  end)

  local function run(query, options)
    local o <const> = options or {}
    o.query = query
    local req = script.request(o)
    local status, body, headers = export.answer(req, fields, { "aud" }, what)
    return { status = status, body = body, headers = headers, written = req.written, head = req.head }
  end

  local function many(n, first)
    local rows = {}
    for i = 1, n do
      rows[i] = { id = ("%s%d"):format(first, i) }
    end
    return rows
  end

  it("is written page by page, each read after the last row of the one before", function()
    pages = { many(250, "a"), many(250, "b"), many(1, "c") }
    local answer = run({ format = "csv" })
    assert.equal(200, answer.status)
    assert.is_nil(answer.body)
    assert.same({ { limit = 250 }, { limit = 250, after = "a250" }, { limit = 250, after = "b250" } }, asked)
    local _, n = answer.written:gsub("\r\n", "")
    assert.equal(1 + 501, n)
    assert.equal("id,text\r\na1,\r\n", answer.written:sub(1, 14))
    assert.equal('attachment; filename="things.csv"', answer.head["content-disposition"])
  end)

  it("has the names of its columns also where there is nothing", function()
    pages = { {} }
    assert.equal("id,text\r\n", run({ format = "csv" }).written)
    pages = { {} }
    assert.equal("", run({}).written)
  end)

  it("ends where the client leaves, and where a page fails", function()
    pages = { many(250, "a"), many(250, "b") }
    assert.equal("the client has left", run({}, { leaves = true }).body.detail)
    assert.equal(1, #asked)
    pages = { many(250, "a") }
    assert.equal("away", run({}).body.detail)
  end)

  it("goes on where a list has stopped looking, although the page was not full", function()
    local stops <const> = { { "x" }, { "y" } }
    local rows_of <const> = what.rows
    what.rows = function(query)
      local rows, err = rows_of(query)
      return rows, err, table.remove(stops, 1)
    end
    pages = { many(1, "a"), {}, many(2, "c") }
    run({})
    what.rows = rows_of
    assert.same({ { limit = 250 }, { limit = 250, after = "x" }, { limit = 250, after = "y" } }, asked)
  end)

  it("is one page with a limit, and says where the next begins", function()
    pages = { many(3, "a") }
    local answer = run({ limit = "2" })
    assert.same({ "a1", "a2" }, { answer.body:match('^[^\n]*"id":"(%w+)"[^\n]*\n[^\n]*"id":"(%w+)"[^\n]*\n$') })
    assert.is_string(answer.headers["next-cursor"])
    pages = { many(2, "a") }
    assert.is_nil(run({ limit = "2" }).headers["next-cursor"])
  end)

  it("reads one page where only the head was asked for", function()
    pages = { many(250, "a") }
    assert.equal(200, run({}, { method = "HEAD" }).status)
  end)

  local function cell(text)
    pages = { { { id = "1", text = text } } }
    return run({ format = "csv" }).written:match("\r\n1,(.*)\r\n$")
  end

  it("has no cell that a spreadsheet would run", function()
    for _, text in ipairs({ "=1+1", "+1", "-1+1", "@SUM(A1)", "\tx" }) do
      assert.equal("'" .. text, cell(text))
    end
    assert.equal("\"'=A1,\"\"x\"\"\"", cell('=A1,"x"'))
    assert.equal("a-b", cell("a-b"))
    assert.equal("-1.5", cell("-1.5"))
  end)

  it("keeps what has commas, quotes or lines in quotes", function()
    assert.equal('"a,""b""\nc"', cell('a,"b"\nc'))
    assert.equal('"{""a"":1}"', cell({ a = 1 }))
  end)

  it("has a line of JSON for each row, whatever is in it", function()
    pages = { { { id = "1", text = "a\nb" }, { id = "2" } } }
    local _, n = run({}).written:gsub("\n", "")
    assert.equal(2, n)
  end)
end)
