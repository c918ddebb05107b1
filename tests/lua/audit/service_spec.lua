local script = require("helper")
local audit = require("audit.service")

local errors_logged

local function route(method, handler, more)
  local one = { method = method, path = "/x/{id}", handler = handler, api = { id = "x.change" } }
  for name, value in pairs(more or {}) do
    one[name] = value
  end
  return one
end

local function run(one)
  tg.locals().recorded = nil
  audit.watched({ one }, function()
    return nil
  end)
  return one.handler(script.request())
end

describe("a route that writes", function()
  local error_before
  before_each(function()
    error_before, errors_logged = tg.log.error, {}
    tg.log.error = function(name, fields)
      errors_logged[#errors_logged + 1] = name .. " " .. fields.route
    end
  end)
  after_each(function()
    tg.log.error = error_before
    script.finish()
  end)

  it("is told of when it succeeded and nothing was recorded", function()
    assert.equal(200, (run(route("POST", function()
      return 200, {}
    end))))
    assert.same({ "audit_forgotten POST /x/{id}" }, errors_logged)
  end)

  it("is not when it recorded, changed nothing, was refused, was repeated, or says why not", function()
    local function quiet(handler, more)
      run(route("POST", handler, more))
      assert.same({}, errors_logged)
    end
    quiet(function()
      audit.record(nil, { action = "x.change" })
      return 200, {}
    end)
    quiet(function()
      audit.unchanged()
      return 200, {}
    end)
    quiet(function()
      return nil, { code = "denied" }
    end)
    quiet(function()
      return 201, {}, { ["idempotency-replayed"] = "true" }
    end)
    quiet(function()
      return 200, {}
    end, { audit = "it only asks" })
  end)

  it("may read without a word", function()
    run(route("GET", function()
      return 200, {}
    end))
    assert.same({}, errors_logged)
  end)
end)

describe("an entry", function()
  after_each(script.finish)

  it("has of two states what differs", function()
    audit.record(nil, {
      action = "x.change", object = "x_1", before = { name = "a", zone = "UTC", list = { 1 } },
      after = { name = "b", zone = "UTC", list = { 1 }, more = true },
    })
    local row = script.audited[1]
    assert.same({ { name = "a" }, { name = "b", more = true } }, { row.before, row.after })
    assert.same({ "x.change", "x_1" }, { row.action, row.object })
    assert.is_true(tg.id.is(row.id, "aud"))
  end)

  it("takes the place of nothing that was to come last", function()
    local seen
    local last = audit.recorder({ action = "x.make" }, function(_, row)
      seen = row
      return true
    end)
    assert.is_true(last({ execute = function(_, _, args)
      script.audited[1] = args
      return 1
    end }, { id = "x_2" }))
    assert.same({ "x_2", "x_2" }, { seen.id, script.audited[1].object })
  end)
end)

describe("a refused attempt", function()
  after_each(script.finish)

  it("is recorded under the operation of its route, with what it was on", function()
    audit.watched({ route("POST", print) }, print)
    script.expect("record_refused", 1, nil, function(args)
      assert.same({ "x.change", "ada@example.com", 401, "wrong" }, {
        args.action, args.object, args.after.status, args.after.type,
      })
      assert.equal(7, args.after.not_recorded_before)
    end)
    audit.refused(
      { method = "POST", path = "/x/{id}", status = 401, address = "::1", more = 7 },
      { code = "denied", type = "wrong", object = "ada@example.com" }
    )
  end)

  it("fails nothing when it cannot be", function()
    script.expect("record_refused", nil, { code = "upstream", detail = "away" })
    audit.refused({ method = "GET", path = "/y", status = 403, address = "::1", more = 0 })
  end)
end)

describe("asking for the log", function()
  after_each(script.finish)

  it("turns instants into the ids of that moment", function()
    script.expect("audit_rows", {}, nil, function(args)
      assert.is_true(tg.id.is(args.from, "aud"))
      assert.is_true(args.from < args.to)
      assert.is_nil(args.after)
    end)
    audit.rows({ from = 1784030400000000, to = 1784030400001000, limit = 3 })
  end)
end)
