local bundles = require("rules.bundles")
local script = require("helper")
local world = require("rules.world")

local ROW <const> = { id = world.NEW, author = "key_1", note = "", hooks = {}, created_at = 0 }
local ME <const> = "key_me"

local function slot(bundle)
  return { revision = 4, bundle = bundle }
end

local function record()
  return true
end

local function publish(input)
  return bundles.publish(input, ME, record)
end

describe("publishing", function()
  before_each(world.open)
  after_each(function()
    script.finish()
    world.close()
  end)

  it("lays the files over those of the active bundle, checks the whole and keeps it in one transaction", function()
    script.expect("slot", slot(world.ACTIVE))
    script.expect("bundle", { id = world.ACTIVE, hooks = {} })
    script.expect("files", { { path = "a/rules.lua", source = "a" }, { path = "p/rules.lua", source = "old" } })
    script.expect("bundle", nil)
    script.expect("insert_bundle", 1, nil, function(args)
      assert.is_true(script.in_transaction)
      assert.equal(world.NEW, args.id)
      assert.equal(world.ACTIVE, args.parent)
      assert.equal(ME, args.author)
      assert.same({ { hook = "pricing.rate_usage", path = "pricing/rules.lua", cases = 2 } }, args.hooks)
    end)
    script.expect("insert_file", 3, nil, function(rows)
      assert.same({ "a/rules.lua", "b/rules.lua", "p/rules.lua" }, { rows[1].path, rows[2].path, rows[3].path })
      assert.equal("new", rows[3].source)
    end)
    script.expect("bundle", ROW)
    local bundle, created = publish({
      files = { { path = "p/rules.lua", source = "new" }, { path = "b/rules.lua", source = "b" } }, note = "n",
    })
    assert.is_true(created)
    assert.same({ "b/rules.lua", "p/rules.lua" }, bundle.changed)
  end)

  it("makes a bundle out of the release's rules while none is active, and names no parent", function()
    script.expect("slot", slot(nil))
    script.expect("bundle", nil)
    script.expect("insert_bundle", 1, nil, function(args)
      assert.is_nil(args.parent)
    end)
    script.expect("insert_file", 2)
    script.expect("bundle", ROW)
    assert(publish({ files = { { path = "x/rules.lua", source = "x" } } }))
    local files = world.was_asked("check")
    assert.equal("the release's\n", files[1].source)
  end)

  it("takes a file away whose source is null, and refuses to take away what is not there", function()
    script.expect("bundle", nil)
    script.expect("insert_bundle", 1)
    script.expect("insert_file", 1)
    script.expect("bundle", ROW)
    local bundle = assert(publish({ base = "release", files = {
      { path = "pricing/rules.lua", source = tg.json.null }, { path = "x/rules.lua", source = "x" },
    } }))
    assert.same({ "pricing/rules.lua", "x/rules.lua" }, bundle.changed)
    assert.equal(1, #world.was_asked("check"))
    local _, err = publish({ base = "release", files = { { path = "y/rules.lua", source = tg.json.null } } })
    assert.equal("/files/0/path", err.errors[1].pointer)
  end)

  it("begins with nothing when the base is none", function()
    script.expect("bundle", ROW)
    assert(publish({ base = "none", files = { { path = "x/rules.lua", source = "x" } } }))
    assert.same({ { path = "x/rules.lua", source = "x" } }, { table.unpack(world.was_asked("check")) })
  end)

  it("answers with the bundle that is there when the files are the same, also those of a twin in flight", function()
    script.expect("bundle", ROW)
    local bundle, created = publish({ base = "none", files = { { path = "x/rules.lua", source = "x" } } })
    assert.equal(world.NEW, bundle.id)
    assert.is_false(created)
    script.expect("bundle", nil)
    script.expect("insert_bundle", nil, { code = "conflict", native = 1062 })
    script.expect("bundle", ROW)
    bundle, created = publish({ base = "none", files = { { path = "x/rules.lua", source = "x" } } })
    assert.equal(world.NEW, bundle.id)
    assert.is_false(created)
  end)

  it("says every fault where it stands in the request, with file and line", function()
    world.open({ check = function()
      return { ok = false, faults = {
        { path = "x/rules.lua", line = 7, what = "syntax", message = "unexpected symbol near '}'" },
        { path = "pricing/rules.lua", line = tg.json.null, what = "case", message = "61 s: total is 1, not 2" },
        { path = tg.json.null, line = tg.json.null, what = "hook", message = "no rule decides billing.tax" },
      } }
    end })
    local bundle, err = publish({ base = "release", files = {
      { path = "a/rules.lua", source = "a" }, { path = "x/rules.lua", source = "x" },
    } })
    assert.is_nil(bundle)
    assert.equal("bundle_refused", err.type)
    assert.equal("x/rules.lua:7: unexpected symbol near '}', and 2 more: see errors", err.detail)
    local list = err.members.errors
    assert.same({ "/files/1/source", "/files", "/files" }, { list[1].pointer, list[2].pointer, list[3].pointer })
    assert.same({ 7, "syntax", "x/rules.lua" }, { list[1].line, list[1].what, list[1].path })
    assert.equal("pricing/rules.lua", list[2].path)
    assert.equal(tg.json.null, list[3].line)
  end)

  it("keeps nothing when the check cannot be made", function()
    world.open({ check = function()
      return nil, { code = "busy", detail = "later" }
    end })
    local _, err = publish({ base = "none", files = {} })
    assert.equal("busy", err.code)
  end)

  it("refuses a base that nobody published", function()
    script.expect("bundle", nil)
    local _, err = publish({ base = world.ACTIVE, files = {} })
    assert.equal("/base", err.errors[1].pointer)
  end)

  it("writes large bundles some files at a time", function()
    local files = {}
    for i = 1, 40 do
      files[i] = { path = ("f%02d/rules.lua"):format(i), source = ("x"):rep(60000) }
    end
    script.expect("bundle", nil)
    script.expect("insert_bundle", 1)
    for _, n in ipairs({ 18, 18, 4 }) do
      script.expect("insert_file", n, nil, function(rows)
        assert.equal(n, #rows)
      end)
    end
    script.expect("bundle", ROW)
    assert(publish({ base = "none", files = files }))
  end)
end)

describe("a bundle", function()
  before_each(world.open)
  after_each(function()
    script.finish()
    world.close()
  end)

  it("is found by its id or by a name; the release's own has no row", function()
    script.expect("bundle", ROW)
    assert.equal(world.NEW, bundles.bundle(world.NEW).id)
    script.expect("slot", slot(nil))
    assert.equal(world.RELEASE, bundles.bundle("active").id)
    script.expect("bundle", nil)
    assert.is_true(bundles.bundle(world.RELEASE).is_release)
    script.expect("bundle", nil)
    local _, err = bundles.bundle(world.ACTIVE)
    assert.equal("not_found", err.code)
  end)

  it("is compared with another: its lines are added", function()
    script.expect("bundle", ROW)
    script.expect("files", { { path = "pricing/rules.lua", source = "mine\n" } })
    local found = assert(bundles.difference(world.NEW, "release"))
    assert.equal(world.RELEASE, found.other)
    assert.is_truthy(found.files[1].diff:find("-the release's\n+mine\n", 1, true))
  end)

  it("is compared before it is one", function()
    local found = assert(bundles.compare({ base = "none", to = "release", files = {} }))
    assert.same({ "pricing/rules.lua", "removed" }, { found.files[1].path, found.files[1].change })
    assert.is_nil(world.was_asked("check"))
  end)

  it("answers with an end: what is behind it is named only", function()
    script.expect("bundle", ROW)
    script.expect("files", { { path = "a/rules.lua", source = ("x"):rep(9 << 20) } })
    local found = assert(bundles.difference(world.NEW, "release"))
    assert.is_nil(found.files[1].diff)
    assert.equal("added", found.files[1].change)
  end)
end)

describe("the list of hooks", function()
  before_each(world.open)
  after_each(function()
    script.finish()
    world.close()
  end)

  it("names the file that decides each, and those that no file decides", function()
    script.expect("slot", slot(nil))
    local list, active = bundles.hooks()
    assert.equal(world.RELEASE, active)
    local path = {}
    for i, one in ipairs(list) do
      path[one.name] = one.path
      assert.is_true(i == 1 or list[i - 1].name < one.name)
    end
    assert.equal("pricing/rules.lua", path["pricing.rate_usage"])
    assert.is_nil(path["admin.step"])
  end)
end)
