local handlers = require("alerts.jobs")
local kinds = require("alerts.kinds")
local script = require("helper")
local service = require("alerts.service")

local ids = script.ids
local ALERT <const> = tg.id.new("alr")

local overrun = {
  company = ids.child, kind = "call.overrun", object = "call_1",
  data = { call_id = "c-1", overrun = "0.5", currency = "USD" },
}

describe("alerts", function()
  after_each(script.finish)

  it("say what the engine has found, with the severity of their kind", function()
    script.expect("insert_alert", 1, nil, function(args)
      assert.same({ "warning", "The call c-1 cost 0.5 USD more than was held for it." }, { args.severity, args.text })
    end)
    script.expect("insert_event", 1, nil, function(args)
      assert.same({ "alert.raised", 1, { kind = "call.overrun", object = "call_1" } },
        { args.event, args.version, args.data })
    end)
    assert(handlers.raise(overrun))
  end)

  it("are raised once until they are cleared", function()
    local keys = {}
    script.expect("insert_alert", 1, nil, function(args)
      keys[1] = args.open_key
    end)
    script.expect("insert_event", 1)
    script.expect("insert_alert", nil, { native = 1062 }, function(args)
      keys[2] = args.open_key
    end)
    assert.is_string(tg.db.transaction(function(tx)
      return service.raise(tx, overrun)
    end))
    assert.is_false(tg.db.transaction(function(tx)
      return service.raise(tx, overrun)
    end))
    assert.equal(keys[1], keys[2])
  end)

  it("that are not raised are cleared without a word", function()
    script.expect("open_alert", nil)
    assert.is_false(tg.db.transaction(function(tx)
      return service.clear(tx, overrun)
    end))
    script.expect("open_alert", nil, { code = "busy", detail = "" })
    local _, err = tg.db.transaction(function(tx)
      return service.clear(tx, overrun)
    end)
    assert.equal("busy", err.code)
  end)

  it("are acknowledged by somebody, once", function()
    for changed, n_audited in pairs({ [0] = 0, [1] = 1 }) do
      script.expect("alert", { id = ALERT, company = ids.child, kind = "call.overrun", object = "x", state = "open",
        version = 1 })
      script.expect("acknowledge_alert", changed)
      if changed == 1 then
        script.expect("insert_event", 1)
      end
      script.expect("alert", { id = ALERT })
      assert(service.acknowledge(ALERT, ids.key))
      assert.equal(n_audited, #script.audited)
      script.audited = {}
    end
    script.expect("alert", { id = ALERT, state = "cleared" })
    local _, err = service.acknowledge(ALERT, ids.key)
    assert.equal("alert_cleared", err.type)
  end)

  it("of every kind can say what they mean", function()
    local data = setmetatable({}, {
      __index = function(_, name)
        return name
      end,
    })
    for name, kind in pairs(kinds) do
      assert(name:find("^%l+%.%l[%l_]+$"), name)
      assert(#kind.text(data) > 20, name)
    end
  end)
end)
