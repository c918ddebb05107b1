--- What can be carried out once a second person approves, by the operationId of what was asked for.
-- permission: what asking and approving need. run(row, decider, record): does it, from an input that is checked again,
-- as row.proposer; `record(tx, result)` is the last thing in the transaction of the effect.
local identity = require("identity.service")
local identity_schema = require("identity.schema")
local rules = require("rules.service")
local rules_schema = require("rules.schema")
local v = require("core.validate")
local wallets = require("wallets.service")
local wallets_schema = require("wallets.schema")

local operations = {}

operations["rules.activate"] = {
  permission = "rules:activate",
  run = function(row, decider, record)
    local input, err = v.check(rules_schema.activate, row.input)
    if not input then
      return nil, err
    end
    return rules.activate(input, row.proposer, record, decider)
  end,
}

operations["wallets.change_credit_limit"] = {
  permission = "wallets:write",
  run = function(row, decider, record)
    local input, err = v.check(wallets_schema.credit_limit, row.input)
    if not input then
      return nil, err
    end
    return wallets.change_credit_limit(row.object, input.amount, "approved by " .. decider, record)
  end,
}

operations["wallets.correct"] = {
  permission = "wallets:correct",
  run = function(row, decider, record)
    local input, err = v.check(wallets_schema.correction, row.input)
    if not input then
      return nil, err
    end
    return wallets.correct(row.object, input, "approved by " .. decider, function(tx, moved)
      return record(tx, { id = moved.entry.id, balance = tostring(moved.wallet.balance) })
    end)
  end,
}

operations["identity.change_company"] = {
  permission = "companies:write",
  run = function(row, decider, record)
    local input, err = v.check(identity_schema.company_change, row.input)
    if not input then
      return nil, err
    end
    return identity.change_company(row.object, input, nil, "approved by " .. decider, record)
  end,
}

return operations
