local script = require("helper")

-- The parts of tg that only jobs use; the real runner has its test in tests/unit/rt/jobs_test.c.
local counted, assumed
tg.metrics = {
  counter = function() end,
  inc = function(_, labels)
    counted = table.concat(labels, " ")
  end,
}
tg.assume = function(company)
  assumed = company
end
tg.within = function(_, fn, ...)
  return fn(...)
end
tg.time.monotonic = tg.time.monotonic or tg.time.now

local service = require("jobs.service")
local JOB <const> = {
  id = tg.id.new("job"), handler = "spec.jobs:run", arguments = { n = 1 }, attempts = 0, attempts_max = 3,
}

local function job(changes)
  local copy = {}
  for key, value in pairs(JOB) do
    copy[key] = value
  end
  for key, value in pairs(changes or {}) do
    copy[key] = value
  end
  return copy
end

local function handler_is(fn)
  package.loaded["spec.jobs"] = { run = fn }
end

describe("enqueue", function()
  after_each(script.finish)

  it("gives the id, or false when a live job has the key, or the error", function()
    script.expect("insert", 1, nil, function(args)
      assert.equal("spec.jobs:run", args.handler)
      assert.same({}, args.arguments)
      assert.equal(20, args.attempts_max)
      assert.equal(args.now, args.run_at)
    end)
    assert.is_true(tg.id.is(service.enqueue(nil, { handler = "spec.jobs:run" }), "job"))
    script.expect("insert", nil, { code = "conflict", native = 1062 })
    assert.is_false(service.enqueue(nil, { handler = "spec.jobs:run", unique_key = "k" }))
    script.expect("insert", nil, { code = "upstream" })
    local id, err = service.enqueue(nil, { handler = "spec.jobs:run" })
    assert.is_nil(id)
    assert.equal("upstream", err.code)
  end)

  it("raises on a job that could never run", function()
    for _, wrong in ipairs({
      {}, { handler = "spec:run" }, { handler = "spec.jobs" }, { handler = "spec.jobs:Run" },
      { handler = "os.jobs:x y" },
      { handler = "spec.jobs:run", unique_key = 7 }, { handler = "spec.jobs:run", run_at = 1.5 },
      { handler = "spec.jobs:run", attempts_max = 0 },
    }) do
      assert.has_error(function()
        service.enqueue(nil, wrong)
      end)
    end
  end)
end)

describe("every", function()
  it("raises on a schedule that could never run", function()
    for _, wrong in ipairs({
      { handler = "spec.jobs:run", every_s = 60 }, { name = "x", handler = "spec", every_s = 60 },
      { name = "x", handler = "spec.jobs:run", every_s = 0 }, { name = "x", handler = "spec.jobs:run", every_s = 1.5 },
    }) do
      assert.has_error(function()
        service.every(wrong)
      end)
    end
  end)
end)

describe("run_once", function()
  after_each(function()
    script.finish()
    assumed, counted = nil, nil
  end)

  it("says false when nothing may run, and nil when nothing could be asked", function()
    script.expect("take_ready", nil)
    script.expect("take_abandoned", nil)
    assert.is_false(service.run_once())
    script.expect("take_ready", nil, { code = "upstream" })
    local found, err = service.run_once()
    assert.is_nil(found)
    assert.equal("upstream", err.code)
  end)

  it("calls the handler for its company and finishes under its token", function()
    local company, got, token = tg.id.new("co"), nil, nil
    handler_is(function(arguments, this)
      got = { arguments.n, this.attempts, this.id }
    end)
    script.expect("take_ready", job({ company = company }))
    script.expect("claim", 1, nil, function(args)
      token = args.token
    end)
    script.expect("finish", 1, nil, function(args)
      assert.equal(token, args.token)
    end)
    assert.is_true(service.run_once())
    assert.same({ 1, 1, JOB.id }, got)
    assert.equal(company, assumed)
    assert.equal("spec.jobs:run done", counted)
  end)

  it("forgets what runs all day when it is done, and not when it has failed", function()
    service.routine("spec.jobs:run_all_day")
    local of_day = job({ handler = "spec.jobs:run_all_day" })
    for _, answer in ipairs({ true, false }) do
      package.loaded["spec.jobs"] = {
        run_all_day = function()
          return answer or nil, not answer and { code = "upstream", detail = "away" } or nil
        end,
      }
      script.expect("take_ready", of_day)
      script.expect("claim", 1)
      script.expect(answer and "drop" or "retry", 1)
      assert.is_true(service.run_once())
    end
  end)

  it("gives up on a job that every worker died of, without running it once more", function()
    handler_is(function()
      error("it must not run")
    end)
    script.expect("take_ready", nil)
    script.expect("take_abandoned", job({ attempts = 3 }))
    script.expect("claim", 1)
    script.expect("give_up", 1, nil, function(args)
      assert.is_truthy(args.error:find("cut off", 1, true))
    end)
    assert.is_true(service.run_once())
    assert.equal("spec.jobs:run dead", counted)
  end)

  it("retries what failed or raised, and gives up after the last attempt", function()
    handler_is(function()
      return nil, { code = "upstream", detail = "away" }
    end)
    script.expect("take_ready", nil)
    script.expect("take_abandoned", job())
    script.expect("claim", 1)
    script.expect("retry", 1, nil, function(args)
      assert.equal("away", args.error)
      assert.is_true(args.run_at > args.now)
    end)
    assert.is_true(service.run_once())
    handler_is(function()
      error("caf\xe9")
    end)
    script.expect("take_ready", job({ attempts = 2 }))
    script.expect("claim", 1)
    script.expect("give_up", 1, nil, function(args)
      assert.equal("an error that is not text", args.error)
    end)
    assert.is_true(service.run_once())
    assert.equal("spec.jobs:run dead", counted)
  end)

  it("does not mind that another holds the lease by now", function()
    handler_is(function() end)
    script.expect("take_ready", job())
    script.expect("claim", 1)
    script.expect("finish", 0)
    assert.is_true(service.run_once())
  end)
end)

describe("the purge", function()
  after_each(script.finish)

  it("deletes in steps until a step is not full", function()
    local jobs = require("jobs.jobs")
    script.expect("delete_done", 1000)
    script.expect("delete_done", 3)
    assert.is_true(jobs.purge())
    script.expect("delete_done", nil, { code = "busy" })
    local done, err = jobs.purge()
    assert.is_nil(done)
    assert.equal("busy", err.code)
  end)
end)
