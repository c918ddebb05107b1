--- What one person asks for and another must approve.
-- The rule admin.step says what needs a second person. Until one approves nothing has moved: an approval holds what was
-- asked for. It is carried out with the rights of whoever asked, everything checked again, in the transaction that
-- says that it is done; so it happens once, however often it is approved and wherever a server dies.
-- Which operations there are: approvals/operations.lua.
local audit = require("audit.service")
local clean = require("audit.clean")
local errors = require("core.errors")
local keys = require("identity.service")
local operations = require("operations.service")
local permissions = require("identity.permissions")
local rights = require("users.rights")
local same = require("core.same")
local sessions = require("sessions.service")
local store = require("approvals.store")

local service = {}

local LIFE <const> = 7 * 24 * 3600 * 1000000

local SAYS <const> = {
  reviewer_is_author = "Who asked for something does not approve it: somebody else must.",
  reauthentication_required = "There is nobody else who could approve it. Give your password again "
    .. "(POST /v1/auth/reauthenticate), then repeat the request.",
}

local function denied(reason, answer)
  return {
    code = "denied", type = reason, detail = SAYS[reason] or ("The review answers %s: %s."):format(answer, reason),
  }
end

-- The flow is a rule; when it fails, nothing is approved.
local function step(flow, event, data)
  event.at = tg.time.now()
  local answer, err = tg.rules.call("admin.step", { flow = flow, state = "proposed", event = event, data = data })
  if answer then
    return answer
  elseif err.code == "busy" then -- it is being loaded: a moment later it can be asked
    return nil, err
  end
  tg.log.error("approvals_review_failed", { flow = flow, error = err.detail })
  return nil, {
    code = "denied", type = "review_failed", detail = "The rule admin.step failed, so nobody has approved it.",
  }
end

-- Keys and people of the company beside the actor that may do it.
local function others_who_may(permission, actor)
  local n, err = keys.others_who_may(permission, actor)
  if not n then
    return nil, err
  end
  local person, people
  person, err = keys.person(actor)
  if person then
    people, err = rights.others_who_may(permission, person)
  end
  return people and n + people, err
end

-- The author as the rule knows them: whoever asks, where the same person stands behind both.
local function author_of(author, actor)
  local is_same, err = keys.same_person(author, actor)
  if is_same == nil then
    return nil, err
  end
  return is_same and actor or author
end

-- Has this person given a password in the last minutes? A key is no person: nil.
local function is_reauthenticated(actor)
  local session = tg.locals().session
  if not session or not tg.id.is(actor, "usr") then
    return nil
  end
  local row, err = sessions.session(actor, session)
  if row then
    return sessions.fresh_until(row) > tg.time.now()
  elseif err.code == "not_found" then
    return false
  end
  return nil, err
end

--- May this happen now?
---@param what {flow: string, permission: string, actor: string, author: string} author: who wrote what the actor wants;
---  the actor, where it is the wish itself that is reviewed
---@return "now"|"wait"|nil decision, string|table reason_or_err why now; "" for no special reason
function service.review(what)
  local others, err = others_who_may(what.permission, what.actor)
  if not others then
    return nil, err
  end
  local fresh
  fresh, err = is_reauthenticated(what.actor)
  if err then
    return nil, err
  end
  local author, answer
  author, err = author_of(what.author, what.actor)
  if not author then
    return nil, err
  end
  answer, err = step(what.flow, {
    type = "approve", actor = what.actor, author = author, alone = others == 0, reauthenticated = fresh,
  })
  if not answer then
    return nil, err
  elseif answer.state == "approved" then
    return "now", answer.reason or ""
  elseif answer.reason == "reviewer_is_author" then
    return "wait", answer.reason
  end
  local reason = answer.reason == "reauthenticate" and "reauthentication_required" or answer.reason or "refused"
  return nil, denied(reason, answer.state)
end

--- Keeps a wish until somebody else decides. The same wish again is the same approval.
---@param proposal {operation: string, flow: string, object: string, input: table}
---@param proposer string
---@param record fun(tx: table, row: table): any, table? last thing in the transaction that keeps it
---@return table? approval, table? err
function service.propose(proposal, proposer, record)
  local now = tg.time.now()
  local waiting, err = store.waiting(proposal, proposer, now)
  if not waiting then
    return nil, err
  end
  for _, row in ipairs(waiting) do
    if same(row.input, proposal.input) then
      audit.unchanged()
      return row
    end
  end
  local id = tg.id.new("apv")
  return tg.db.transaction(function(tx)
    local done, failed = store.insert(tx, {
      id = id, operation = proposal.operation, flow = proposal.flow, object = proposal.object, input = proposal.input,
      proposer = proposer, now = now, expires_at = now + LIFE,
    })
    if not done then
      return nil, failed
    end
    local entry = {
      action = "approvals.propose",
      after = { operation = proposal.operation, object = proposal.object, input = proposal.input },
    }
    return operations.finish(tx, audit.recorder(entry, record), store.approval(id, tx))
  end)
end

local function nothing_more()
  return true
end

--- A wish that is reviewed itself: it happens now, or it waits.
---@param proposal table as for service.propose
---@param record (fun(tx: table, row: table): any, table?)? last thing in the transaction that keeps an approval
---@return true|table|nil decision true: now; or the approval that waits
---@return string|table|nil reason_or_err why now; nil for no special reason
function service.ask(proposal, permission, actor, record)
  local decision, reason = service.review({
    flow = proposal.flow, permission = permission, actor = actor, author = actor,
  })
  if decision == "now" then
    return true, reason ~= "" and reason or nil
  elseif not decision then
    return nil, reason
  end
  return service.propose(proposal, actor, record or nothing_more)
end

function service.approvals(filter)
  return store.approvals(filter)
end

function service.approval(id)
  local row, err = store.approval(id)
  if err then
    return nil, err
  elseif not row then
    return nil, errors.not_found("approval")
  end
  return row
end

local function over(row)
  return errors.conflict("approval_over", ("The approval is %s: nothing moves it any more."):format(row.state))
end

-- What a user or a key may do in a company at this moment; nothing, when they are no more.
local function held_by(actor, company)
  if tg.id.is(actor, "usr") then
    local user, err = store.living_user(actor)
    if not user then
      return err == nil and {} or nil, err
    end
    return rights.permissions_in(actor, company)
  end
  local key, err = store.living_key(actor, tg.time.now())
  if not key then
    return err == nil and {} or nil, err
  end
  return key.permissions
end

-- Does whoever decides have the permission that the operation itself asks for?
local function check_decider(row, operation, actor)
  local held, err = held_by(actor, row.company)
  if not held then
    return nil, err
  elseif not permissions.has(held, operation.permission) then
    return nil, errors.denied(("You have not the permission %s that this needs."):format(operation.permission))
  end
  return true
end

-- May whoever asked still do it themselves?
local function check_proposer(row, operation)
  local held, err = held_by(row.proposer, row.company)
  if not held then
    return nil, err
  elseif not permissions.has(held, operation.permission) then
    return nil, errors.conflict("proposer_may_not", "Who asked for it may not do it any more.")
  end
  return true
end

-- Closes it within the transaction of its effect; of two at once one finds it open.
local function close(tx, row, state, decider, result)
  local changed, err = store.decide(tx, {
    id = row.id, state = state, decider = decider, result = result and clean.copy(result), now = tg.time.now(),
  })
  if not changed then
    return nil, err
  elseif changed == 0 then
    return nil, errors.conflict("approval_raced", "Somebody else has decided it at the same moment.")
  end
  return audit.record(tx, {
    action = (state == "done" or state == "failed") and "approvals.approve" or "approvals.refuse",
    actor = decider, object = row.id, before = { state = "waiting" },
    after = { state = state, operation = row.operation, proposer = row.proposer },
  })
end

local PASSES <const> = { busy = true, upstream = true, uncertain = true, bug = true }

-- What cannot be carried out is over, too, and says why.
local function fail(row, decider, err)
  if PASSES[err.code] or err.type == "approval_raced" then
    return nil, err
  end
  local done, failed = tg.db.transaction(function(tx)
    return close(tx, row, "failed", decider, { type = err.type or err.code, detail = err.detail })
  end)
  if not done then
    return nil, failed
  end
  return service.approval(row.id)
end

local function carry_out(row, operation, decider)
  local may, err = check_proposer(row, operation)
  if not may then
    return fail(row, decider, err)
  end
  local locals = tg.locals()
  locals.actor = row.proposer -- it is theirs in the audit log
  local result
  result, err = operation.run(row, decider, function(tx, made)
    return close(tx, row, "done", decider, made)
  end)
  locals.actor = nil
  if not result then
    return fail(row, decider, err)
  end
  return service.approval(row.id)
end

--- Approves, and does what was asked for. Doing it twice is doing it once.
---@param operation {permission: string, run: function} of the approval
---@return table? approval done, or failed with its reason; table? err
function service.approve(row, operation, actor)
  if row.state == "done" and row.decider == actor then
    audit.unchanged()
    return row
  elseif row.state ~= "waiting" or row.expires_at <= tg.time.now() then
    return nil, over(row.state == "waiting" and { state = "expired" } or row)
  end
  local is_same, err = keys.same_person(row.proposer, actor)
  if is_same == nil then
    return nil, err
  elseif is_same then
    return nil, denied("reviewer_is_author")
  end
  local may
  may, err = check_decider(row, operation, actor)
  if not may then
    return nil, err
  end
  local fresh
  fresh, err = is_reauthenticated(actor)
  if err then
    return nil, err
  end
  local answer
  answer, err = step(row.flow, {
    type = "approve", actor = actor, author = row.proposer, alone = false, reauthenticated = fresh,
  }, { proposed_at = row.created_at, expires_s = LIFE // 1000000 })
  if not answer then
    return nil, err
  elseif answer.state ~= "approved" then
    return nil, denied(answer.reason or "refused", answer.state)
  end
  return carry_out(row, operation, actor)
end

--- Refuses; whoever asked takes it back. No rule is asked: that nothing happens is always right.
function service.refuse(row, operation, actor)
  local state = row.proposer == actor and "cancelled" or "refused"
  if row.state == state and row.decider == actor then
    audit.unchanged()
    return row
  elseif row.state ~= "waiting" then
    return nil, over(row)
  elseif state == "refused" then
    local may, err = check_decider(row, operation, actor)
    if not may then
      return nil, err
    end
  end
  local done, err = tg.db.transaction(function(tx)
    return close(tx, row, state, actor)
  end)
  if not done then
    return nil, err
  end
  return service.approval(row.id)
end

--- Ends those that nobody has decided in time.
---@return integer? n, table? err
function service.expire(limit)
  local now = tg.time.now()
  return tg.db.transaction(function(tx)
    local rows, err = store.expired(tx, now, limit)
    for _, row in ipairs(rows or {}) do
      local done
      done, err = store.expire(tx, row, now)
      if done then
        done, err = audit.record(tx, {
          action = "approvals.expire", company = row.company, object = row.id, before = { state = "waiting" },
          after = { state = "expired" },
        })
      end
      if not done then
        return nil, err
      end
    end
    return rows and #rows, err
  end)
end

return service
