local script = require("helper")
local service = require("catalog.service")

local ids = script.ids
local DECK <const> = { id = ids.deck, company = ids.own, name = "A-Z", currency = "USD", version = 1, created_at = 0 }
local HASH <const> = tg.crypto.sha256("the file")

-- What tg.decks.parse answers for a file of these counts.
local function parse_gives(counts)
  tg.decks = {
    parse = function()
      return {
        rows = counts.priced + counts.blocked + counts.rejected, priced = counts.priced, blocked = counts.blocked,
        rejected = counts.rejected, sha256 = HASH, parsed = "parsed",
        first_rejected = counts.rejected > 0 and { {
          row = 3, prefix_text = "5.4E+11", reason = "bad_prefix", detail = "not digits",
        } } or {},
      }
    end,
    rows = function(parsed, from, n)
      assert.equal("parsed", parsed)
      local rows = {}
      for i = 1, n do
        rows[i] = { row_no = from + i - 1, prefix = "1" }
      end
      return rows
    end,
  }
end

local function expect_load(rows)
  script.expect("lock_deck", { id = ids.deck, version = 1 })
  script.expect("version_by_hash", nil)
  script.expect("last_version", { version = 4 })
  script.expect("insert_version", 1, nil, function(args)
    assert.equal(5, args.version)
    assert.equal(rows, args.row_count)
    assert.equal(tg.crypto.hex(HASH), args.hash)
  end)
  for _ = 1, rows, 2000 do
    script.expect("insert_row", 1, nil, function(args)
      assert.equal(ids.deck, args[1].deck)
      assert.equal(5, args[1].version)
    end)
  end
  script.expect("activate", 1, nil, function(args)
    assert.equal(5, args.version)
    assert.is_true(script.in_transaction)
  end)
end

describe("loading rates", function()
  after_each(function()
    tg.decks = nil
    script.finish()
  end)

  it("makes a clean file the next version, in one transaction", function()
    parse_gives({ priced = 2100, blocked = 1, rejected = 0 })
    script.expect("deck", DECK)
    expect_load(2101)
    local result = assert(service.load_rates(ids.deck, "file", {}))
    assert.equal(5, result.version)
    assert.is_true(result.changed)
  end)

  it("loads nothing of a damaged file before its report is accepted", function()
    parse_gives({ priced = 5, blocked = 1, rejected = 2 })
    script.expect("deck", DECK)
    local first = assert(service.load_rates(ids.deck, "file", {}))
    assert.is_truthy(first.report_id:find("^rep_%x+$"))
    local damage <const> = { row = 3, prefix = "5.4E+11", reason = "bad_prefix", detail = "not digits" }
    assert.same(damage, first.report.first_rejected[1])
    script.expect("deck", DECK)
    expect_load(6)
    assert.equal(5, service.load_rates(ids.deck, "file", { report = first.report_id }).version)
  end)

  it("takes no acceptance of another file's report", function()
    parse_gives({ priced = 5, blocked = 0, rejected = 2 })
    script.expect("deck", DECK)
    local result, err = service.load_rates(ids.deck, "file", { report = "rep_00" })
    assert.is_nil(result)
    assert.equal("report_does_not_match", err.type)
  end)

  it("changes nothing when the file is the active version", function()
    parse_gives({ priced = 5, blocked = 0, rejected = 0 })
    script.expect("deck", DECK)
    script.expect("lock_deck", { id = ids.deck, version = 1 })
    script.expect("version_by_hash", { version = 1 })
    local result = assert(service.load_rates(ids.deck, "file", {}))
    assert.is_false(result.changed)
    assert.equal(1, result.version)
  end)

  it("goes back to an older version when its file comes again", function()
    parse_gives({ priced = 5, blocked = 0, rejected = 0 })
    script.expect("deck", DECK)
    script.expect("lock_deck", { id = ids.deck, version = 3 })
    script.expect("version_by_hash", { version = 2 })
    script.expect("activate", 1, nil, function(args)
      assert.equal(2, args.version)
    end)
    assert.equal(2, service.load_rates(ids.deck, "file", {}).version)
  end)

  it("refuses a file of which nothing is left", function()
    parse_gives({ priced = 0, blocked = 0, rejected = 9 })
    script.expect("deck", DECK)
    local result, err = service.load_rates(ids.deck, "file", { any = true })
    assert.is_nil(result)
    assert.equal("input", err.code)
    assert.equal("The file has no row that could be loaded. Row 3: not digits.", err.detail)
  end)

  it("parses no megabytes for a deck that is not the caller's", function()
    tg.decks = {}
    script.expect("deck", nil)
    local result, err = service.load_rates(ids.deck, "file", {})
    assert.is_nil(result)
    assert.equal("not_found", err.code)
  end)

  it("gives back the first error of the database", function()
    parse_gives({ priced = 1, blocked = 0, rejected = 0 })
    script.expect("deck", DECK)
    script.expect("lock_deck", { id = ids.deck, version = 0 })
    script.expect("version_by_hash", nil)
    script.expect("last_version", { version = 0 })
    script.expect("insert_version", 1)
    script.expect("insert_row", nil, { code = "upstream", detail = "gone" })
    local result, err = service.load_rates(ids.deck, "file", {})
    assert.is_nil(result)
    assert.equal("upstream", err.code)
  end)
end)

describe("rate decks", function()
  after_each(script.finish)

  it("have names that are unique in their company", function()
    script.expect("insert_deck", nil, { code = "conflict", native = 1062 })
    local deck, err = service.create_deck({ name = "A-Z", currency = "USD" })
    assert.is_nil(deck)
    assert.equal("deck_exists", err.type)
  end)

  it("without rates find nothing, and ask no trie", function()
    script.expect("deck", { id = ids.deck, version = 0 })
    assert.is_nil(service.lookup(ids.deck, "442079460000").row)
  end)
end)
