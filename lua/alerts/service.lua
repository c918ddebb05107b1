--- Alerts: what somebody should look at.
-- Raised in the transaction of what they tell of, once: while one of (company, kind, object) is not cleared, raising it
-- again does nothing. What is a state (a balance that is low) clears when it is over; what has happened (a call that
-- cost more than was held) stays until somebody acknowledges it. Which kinds there are: alerts/kinds.lua.
local audit = require("audit.service")
local errors = require("core.errors")
local kinds = require("alerts.kinds")
local outbox = require("outbox.service")
local store = require("alerts.store")

local service = {}

local TEXT_MAX <const> = 500 -- characters

---@class (exact) alerts.Alert
---@field company string
---@field kind string
---@field object string
---@field data table
---@field severity string? of its kind
---@field text string? of its kind

local function cut(text)
  local at = utf8.offset(text, TEXT_MAX + 1)
  return at and text:sub(1, at - 1) or text
end

local function tell(tx, event, alert, id, version)
  return outbox.add(tx, {
    company = alert.company, event = event, object = id, version = version,
    data = { kind = alert.kind, object = alert.object },
  })
end

--- Raises an alert.
---@param tx table
---@param alert alerts.Alert
---@return string|false|nil id false: it is raised already
---@return table? err
function service.raise(tx, alert)
  local kind <const> = assert(kinds[alert.kind], "there is no alert " .. tostring(alert.kind))
  local id <const> = tg.id.new("alr")
  local done, err = store.insert(tx, {
    company = alert.company, id = id, kind = alert.kind, object = alert.object, data = alert.data,
    severity = alert.severity or kind.severity, text = cut(alert.text or kind.text(alert.data)), now = tg.time.now(),
  })
  if errors.is_duplicate(err) then
    return false
  elseif done then
    done, err = tell(tx, "alert.raised", alert, id, 1)
  end
  return done and id, err
end

--- Clears one, if it is raised.
---@param tx table
---@param alert {company: string, kind: string, object: string}
---@return boolean? cleared, table? err
function service.clear(tx, alert)
  local row, err = store.open(tx, alert)
  if err then
    return nil, err
  elseif not row then
    return false
  end
  local done
  done, err = store.clear(tx, alert.company, row.id, tg.time.now())
  if done then
    done, err = tell(tx, "alert.cleared", alert, row.id, row.version + 1)
  end
  return done and true, err
end

function service.alerts(filter)
  return store.alerts(filter)
end

function service.alert(id, tx)
  local row, err = store.alert(id, tx)
  if err then
    return nil, err
  elseif not row then
    return nil, errors.not_found("alert")
  end
  return row
end

--- Says that somebody has seen it. Twice is once; what is cleared needs nobody.
---@return table? alert, table? err
function service.acknowledge(id, actor)
  local row, err = service.alert(id)
  if not row then
    return nil, err
  elseif row.state == "cleared" then
    return nil, errors.conflict("alert_cleared", "It is over: there is nothing to acknowledge.")
  end
  return tg.db.transaction(function(tx)
    local changed, failed = store.acknowledge(tx, id, actor, tg.time.now())
    if changed == 0 then
      audit.unchanged()
    elseif changed then
      changed, failed = audit.record(tx, {
        action = "alerts.acknowledge", object = id, before = { state = "open" }, after = { state = "acknowledged" },
      })
      if changed then
        changed, failed = tell(tx, "alert.acknowledged", row, id, row.version + 1)
      end
    end
    if not changed then
      return nil, failed
    end
    return service.alert(id, tx)
  end)
end

return service
