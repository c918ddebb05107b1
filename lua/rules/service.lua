--- Which rules decide, and what others would do to the money.
-- What is active is one row with a revision that only grows; who activates names the revision they have seen, so that
-- of two at once one is told. Nodes learn of it by a hint, or look themselves every two seconds
-- (src/charge/rulekeeper.h). Before that a bundle can be tried: on one input, on a share of the live calls (shadow),
-- on a period of the past (backtest, rules/jobs.lua).
local approvals = require("approvals.service")
local audit = require("audit.service")
local bundles = require("rules.bundles")
local catalog = require("catalog.service")
local errors = require("core.errors")
local hint = require("core.hint")
local hooks = require("core.hooks")
local identity = require("identity.service")
local jobs = require("jobs.service")
local operations = require("operations.service")
local report = require("rules.report")
local schema = require("rules.schema")
local store = require("rules.store")

local service = {}

local SECOND <const> = 1000000
local DAY <const> = 86400 * SECOND
local NODE_SEEN <const> = 10 * SECOND -- a node that was not seen for longer is gone
local HISTORY_MAX <const> = 1000
local GROUPS_SHOWN <const> = 100
local BACKTEST_DAYS_MAX <const> = 366

--- The permission of those who may decide what decides.
local ACTIVATE <const> = "rules:activate"

-- Activation ----------------------------------------------------------------------------------------------------------

-- Whoever keeps the rules looks now, here and on the other nodes; who misses it looks by itself.
local function announce(revision)
  tg.rules.wake()
  hint.send("tollgate:rules", revision)
end

local function moved(slot)
  return {
    code = "conflict", type = "revision_moved",
    members = { revision = slot.revision, bundle = slot.bundle or "release" },
    detail = ("Somebody was first: the active revision is %d."):format(slot.revision),
  }
end

-- What the shadow has found of a bundle; why, when it does not look at it.
local function shadow_evidence(id)
  local slot, err = store.slot("candidate")
  if not slot then
    return nil, err
  elseif slot.bundle ~= id then
    return { why = "The bundle is not in the shadow." }
  end
  local by_hook, groups
  by_hook, err = store.shadow_hooks(slot.revision)
  if by_hook then
    groups, err = store.shadow_money(slot.revision, store.ROWS_MAX)
  end
  if not groups then
    return nil, err
  end
  local found = { calls = 0, errors = 0, groups = groups, is_whole = #groups < store.ROWS_MAX }
  for _, row in ipairs(by_hook) do
    found.calls = found.calls + row.same + row.different + row.errors
    found.errors = found.errors + row.errors
  end
  return found
end

local function backtest_evidence(name, id)
  local backtest, err = store.backtest(name)
  if err then
    return nil, err
  elseif not backtest or backtest.bundle ~= id or backtest.state ~= "done" then
    return nil, errors.input("/gate/backtest", "is not a finished backtest of this bundle")
  end
  local found = { calls = 0, errors = 0, groups = backtest.report.groups, is_whole = true }
  for _, group in ipairs(found.groups) do
    found.calls = found.calls + group.same + group.different + group.errors
    found.errors = found.errors + group.errors
  end
  return found
end

-- Does the gate let the bundle through? What was demanded and found is kept beside the activation.
local function pass_gate(gate, id)
  local found, err
  if gate.backtest then
    found, err = backtest_evidence(gate.backtest, id)
  else
    found, err = shadow_evidence(id)
  end
  if not found then
    return nil, err
  end
  local reasons = found.why and tg.json.array({ found.why }) or report.gate(gate, found)
  if reasons[1] then
    return nil, {
      code = "input", type = "gate_refused", members = { reasons = reasons },
      detail = ("%s%s"):format(reasons[1], #reasons > 1 and (", and %d more: see reasons"):format(#reasons - 1) or ""),
    }
  end
  return { demanded = gate, found = { calls = found.calls, errors = found.errors } }
end

-- A second person looks at what decides: somebody else than its author, or whoever approves it.
---@return string? detail for the history, table? err
local function review(bundle, input, actor)
  if not bundle.author then
    return ""
  end
  local decision, reason = approvals.review({
    flow = "rules.activate", permission = ACTIVATE, actor = actor, author = bundle.author,
  })
  if decision == "now" then
    return reason
  elseif not decision then
    return nil, reason
  end
  return nil, {
    code = "denied", type = reason, detail = "Who wrote a bundle does not activate it: somebody else must.",
    proposal = { operation = "rules.activate", flow = "rules.activate", object = bundle.id, input = input },
  }
end

-- Sets the slot in a transaction that ends with `record`, then tells the nodes.
local function set_active(change, actor, record)
  local result, err = tg.db.transaction(function(tx)
    local changed, failed = store.set_active(tx, change, actor, tg.time.now())
    if not changed then
      return nil, failed
    elseif changed == 0 then
      local slot
      slot, failed = store.slot("active", tx)
      return nil, slot and moved(slot) or failed
    end
    local is_back <const> = change.reason == "rollback"
    local entry = {
      action = is_back and "rules.roll_back" or "rules.activate", object = change.bundle or "release",
      before = { bundle = change.previous or "release" },
      after = { revision = change.revision + 1, detail = change.detail, gate = change.gate },
    }
    return operations.finish(tx, audit.recorder(entry, record), {
      revision = change.revision + 1, bundle = change.bundle or "release", previous = change.previous or "release",
    })
  end)
  if not result then
    return nil, err
  end
  tg.log.info("rules_activated", { revision = result.revision, bundle = result.bundle, previous = result.previous,
    reason = change.reason })
  announce(result.revision)
  return result
end

--- Makes a bundle the one that decides, if nobody was faster, the gate lets it through and the review approves.
---@param input {bundle: string, if_revision: integer, gate: table?}
---@param actor string
---@param record fun(tx: table, row: table): any, table?
---@param approver string? who has approved it already
---@return {revision: integer, bundle: string, previous: string}? result, table? err  an err with a `proposal` needs a
---  second person: approvals.propose
function service.activate(input, actor, record, approver)
  local bundle, err = bundles.named(input.bundle, "/bundle")
  if not bundle then
    return nil, err
  end
  local slot
  slot, err = store.slot("active")
  if not slot then
    return nil, err
  elseif slot.revision ~= input.if_revision then
    return nil, moved(slot)
  end
  local id = not bundle.is_release and bundle.id or nil -- NULL is the release's, whatever release that is
  if slot.bundle == id then
    audit.unchanged()
    return { revision = slot.revision, bundle = id or "release", previous = id or "release" }
  end
  local gate, detail
  if input.gate then
    gate, err = pass_gate(input.gate, bundle.id)
    if not gate then
      return nil, err
    end
  end
  if approver then
    detail = "approved by " .. approver
  else
    detail, err = review(bundle, input, actor)
  end
  if not detail then
    return nil, err
  end
  return set_active({
    revision = slot.revision, bundle = id, previous = slot.bundle, reason = "activate", detail = detail, gate = gate,
  }, actor, record)
end

-- The activation that decides now. Each step back, by hand or automatic, has taken one back.
local function standing(history)
  local taken_back = 0
  for _, row in ipairs(history) do
    if row.reason ~= "activate" then
      taken_back = taken_back + 1
    elseif taken_back == 0 then
      return row
    else
      taken_back = taken_back - 1
    end
  end
end

--- Goes back to what decided before the present bundle was activated. Asks no rule and no second person: the present
-- rules may be what is broken.
---@param input {if_revision: integer?}
function service.roll_back(input, actor, record)
  local slot, err = store.slot("active")
  if not slot then
    return nil, err
  elseif input.if_revision and slot.revision ~= input.if_revision then
    return nil, moved(slot)
  end
  local history
  history, err = store.activations(nil, HISTORY_MAX)
  if not history then
    return nil, err
  end
  local activation = standing(history)
  if not activation then
    return nil, errors.conflict("nothing_to_roll_back", "Nothing was active before: there is nothing to go back to.")
  end
  return set_active({
    revision = slot.revision, bundle = activation.previous, previous = slot.bundle, reason = "rollback",
    detail = ("takes back revision %d"):format(activation.revision),
  }, actor, record)
end

function service.activations(filter)
  return store.activations(filter.after and filter.after[1], filter.limit)
end

--- What decides, and how far the nodes have come.
---@return table? slot with nodes, table? err
function service.active()
  local slot, err = store.slot("active")
  if not slot then
    return nil, err
  end
  slot.nodes, err = store.nodes(tg.time.now() - NODE_SEEN)
  if not slot.nodes then
    return nil, err
  end
  return slot
end

-- Knowing before doing ------------------------------------------------------------------------------------------------

--- Lets a bundle see a share of the calls beside the active one, or none any more.
---@param input {bundle: any, share: string?} bundle null: none
function service.set_shadow(input, actor, record)
  local id
  if input.bundle ~= tg.json.null then
    local bundle, err = bundles.named(input.bundle, "/bundle")
    if not bundle then
      return nil, err
    elseif bundle.is_release then
      return nil, errors.input("/bundle", "is the release's own: publish it to shadow it")
    end
    id = bundle.id
  end
  local share_ppm = id and schema.to_ppm(input.share) or 0
  local slot, err = tg.db.transaction(function(tx)
    local now, failed = store.slot("candidate", tx)
    local changed
    if now then
      local change = { revision = now.revision, bundle = id, share_ppm = share_ppm }
      changed, failed = store.set_candidate(tx, change, actor, tg.time.now())
    end
    if not changed then
      return nil, failed
    elseif changed == 0 then
      return nil, errors.conflict("revision_moved", "Somebody else changed the shadow at the same moment.")
    end
    local entry = {
      action = "rules.set_shadow", object = id or "none", before = { bundle = now.bundle, share_ppm = now.share_ppm },
      after = { bundle = id, share_ppm = share_ppm },
    }
    return operations.finish(tx, audit.recorder(entry, record), store.slot("candidate", tx))
  end)
  if not slot then
    return nil, err
  end
  announce(slot.revision)
  return slot
end

-- The first groups with how their calls move; of the others only the sums.
local function with_deltas(groups, revision)
  for i = 1, math.min(#groups, GROUPS_SHOWN) do
    local group = groups[i]
    local rows, err = store.shadow_deltas(revision, group.company, group.currency)
    if not rows then
      return nil, err
    end
    group.deltas = {}
    for _, row in ipairs(rows) do
      group.deltas = report.add_deltas(group.deltas, row.deltas)
    end
  end
  return groups
end

--- What the shadow has found since its bundle was set.
---@return {slot: table, hooks: table[], groups: table[], totals: table[], samples: table[]}? found, table? err
function service.shadow_report()
  local slot, err = store.slot("candidate")
  if not slot then
    return nil, err
  end
  local found = { slot = slot }
  found.hooks, err = store.shadow_hooks(slot.revision)
  if found.hooks then
    found.groups, err = store.shadow_money(slot.revision, store.ROWS_MAX)
  end
  if found.groups then
    found.samples, err = store.shadow_samples(slot.revision)
  end
  if not found.samples then
    return nil, err
  end
  found.totals = report.totals(found.groups)
  found.groups, err = with_deltas(found.groups, slot.revision)
  if not found.groups then
    return nil, err
  end
  return found
end

local function deck_of(wanted)
  local row, err = catalog.deck(wanted.id)
  if not row then
    return nil, err.code == "not_found" and errors.input("/deck/id", "is not a rate deck of yours") or err
  end
  local version = wanted.version or row.version
  if version == 0 then
    return nil, errors.input("/deck/id", "is a rate deck without rates")
  end
  local deck
  deck, err = tg.decks.get(wanted.id, version)
  if not deck then
    return nil, err.code == "not_found" and errors.input("/deck/version", "is not a version of the deck") or err
  end
  return deck
end

--- What a bundle answers to one input; nothing is changed by it, and no call waits for it.
---@param input {bundle: string, hook: string, input: table, deck: table?, flags: table?}
---@return table? result {bundle, output?, error?, log, usecs, memory}, table? err
function service.dry_run(input)
  if not hooks[input.hook] then
    return nil, errors.input("/hook", "is not a hook: GET /v1/rules lists them")
  end
  local bundle, err = bundles.named_with_files(input.bundle, "/bundle")
  if not bundle then
    return nil, err
  end
  local deck, result
  if input.deck then
    deck, err = deck_of(input.deck)
    if not deck then
      return nil, err
    end
  end
  result, err = tg.rules.dry_run({
    bundle = bundle.files, hook = input.hook, input = input.input, deck = deck, flags = input.flags,
  })
  if not result then
    return nil, err
  end
  result.bundle = bundle.id
  return result
end

--- Asks for a past period to be rated with another bundle, for a company and those below; a job does it.
---@param input {bundle: string, from: integer, to: integer, company: string?}
---@param record fun(tx: table, row: table): any, table?
---@return table? backtest, table? err
function service.create_backtest(input, principal, record)
  if input.from >= input.to then
    return nil, errors.input("/to", "must be after from")
  elseif input.to - input.from > BACKTEST_DAYS_MAX * DAY then
    return nil, errors.input("/from", ("must be at most %d days before to"):format(BACKTEST_DAYS_MAX))
  end
  local bundle, err = bundles.named(input.bundle, "/bundle")
  local company
  if bundle then
    company, err = identity.company(input.company or principal.company)
  end
  if not company then
    return nil, err.code == "not_found" and errors.input("/company", "is not a company of yours") or err
  end
  local id = tg.id.new("bt")
  return tg.db.transaction(function(tx)
    local done, failed = store.insert_backtest(tx, {
      id = id, bundle = bundle.id, from = input.from, to = input.to, set_by = principal.actor, now = tg.time.now(),
      report = report.nothing(company.id),
    })
    if done then
      done, failed = jobs.enqueue(tx, { handler = "rules.jobs:backtest", arguments = { backtest = id } })
    end
    if not done then
      return nil, failed
    end
    local recorded = audit.recorder({ action = "rules.create_backtest", after = input }, record)
    return operations.finish(tx, recorded, store.backtest(id, tx))
  end)
end

function service.backtest(id)
  local backtest, err = store.backtest(id)
  if err then
    return nil, err
  elseif not backtest then
    return nil, errors.not_found("backtest")
  end
  return backtest
end

function service.backtests(filter)
  return store.backtests(filter.after, filter.limit)
end

return service
