--- Free seconds: granted from above, by the company that sells; used up by the ledger engine (rating.md R12).
local audit = require("audit.service")
local errors = require("core.errors")
local identity = require("identity.service")
local store = require("allowances.store")
local walk = require("core.walk")

local service = {}

local USABLE_MAX <const> = 50 -- each price of the company looks at all of them

--- Whether the caller sells to the company: who pays does not give itself what is free.
---@return boolean? ok, table? err
local function check_seller(id)
  local company, err = identity.company(id)
  if not company then
    return nil, err and err.code == "not_found" and errors.input("/company", "is none of yours") or err
  elseif company.depth == 0 and company.parent then
    return nil, errors.denied("A company's free seconds come from the company above it.")
  end
  return true
end

--- Grants free seconds.
---@param input table of schema.allowance
---@param own string the caller's company
---@param record fun(tx: table, row: table): any, table? last thing in the transaction
---@return table? allowance, table? err
function service.grant(input, own, record)
  local company <const> = input.company or own
  local good, err = check_seller(company)
  if not good then
    return nil, err
  end
  local now <const> = tg.time.now()
  if input.expires_at and input.expires_at <= now then
    return nil, errors.input("/expires_at", "is over")
  end
  local allowance <const> = {
    id = tg.id.new("alw"), company = company, seconds = input.seconds, priority = input.priority or 0,
    prefixes = input.prefixes, starts_at = input.starts_at or now, expires_at = input.expires_at,
    note = input.note or "", now = now,
  }
  local recorded <const> = audit.recorder({ action = "allowances.grant", after = {
    company = company, seconds = input.seconds, priority = allowance.priority, prefixes = input.prefixes,
    starts_at = tg.time.format(allowance.starts_at), note = input.note,
    expires_at = input.expires_at and tg.time.format(input.expires_at),
  } }, record)
  return tg.db.transaction(function(tx)
    local n, why = store.count_usable(tx, company, now)
    if not n then
      return nil, why
    elseif n >= USABLE_MAX then
      return nil, errors.conflict("too_many_allowances",
        ("There are %d with something left already: grant more when one is used up."):format(n))
    end
    local done, failed = store.insert(tx, allowance)
    local row
    if done then
      row, failed = store.allowance(allowance.id, tx)
    end
    if row then
      done, failed = recorded(tx, row)
    end
    return row and done and row, failed
  end)
end

---@return table? allowance, table? err
function service.allowance(id)
  local row, err = store.allowance(id)
  if err then
    return nil, err
  end
  if not row then
    return nil, errors.not_found("allowance")
  end
  return row
end

--- Allowances, company by company, the newest first in each.
---@param filter {after: {[1]: string, [2]: string}?, company: string?, limit: integer}
---@return table[]? rows, table? err, table? stopped_at where to go on although the page is not full
function service.allowances(filter)
  if filter.company then
    return store.allowances_of_company(filter.company, filter.after and filter.after[2], filter.limit)
  end
  local rows, err, company = walk.rows(filter.after, filter.limit, store.next_company_with_allowances,
    function(of, before, limit)
      return store.allowances_of_company(of, before and before[1], limit)
    end)
  return rows, err, company and { company, tg.id.format(("\0"):rep(16), "alw") }
end

return service
