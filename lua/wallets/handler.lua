--- Requests about wallets.
local approvals = require("approvals.service")
local levels = require("wallets.levels")
local operations = require("operations.service")
local orders = require("wallets.orders")
local page = require("core.page")
local request = require("core.request")
local schema = require("wallets.schema")
local service = require("wallets.service")
local show = require("wallets.show")
local show_approval = require("approvals.show")
local statement = require("wallets.statement")
local v = require("core.validate")

local handler = {}

local function by_id(row)
  return { row.id }
end

-- Something that a wallet has, read as a whole.
local function reading(read, show_one)
  return function(req)
    local id, err = v.path_id(req.params.id, "wal", "wallet")
    local found
    if id then
      found, err = read(id)
    end
    if not found then
      return nil, err
    end
    return 200, show_one(found)
  end
end

-- A list that belongs to a wallet.
local function listing(fields, prefix, read, show_one)
  return function(req)
    local id, err = v.path_id(req.params.id, "wal", "wallet")
    if not id then
      return nil, err
    end
    local query, limit = request.list(req, fields, { prefix })
    if not query then
      return nil, limit
    end
    local rows
    rows, err = read(id, query)
    if not rows then
      return nil, err
    end
    return 200, page.answer(rows, limit, show_one, by_id)
  end
end

--- GET /v1/wallets
function handler.wallets(req)
  local query, limit = request.list(req, schema.wallet_list, { "wal" })
  if not query then
    return nil, limit
  end
  local rows, err = service.wallets(query)
  if not rows then
    return nil, err
  end
  return 200, page.answer(rows, limit, show.wallet, by_id)
end

--- GET /v1/wallets/{id}
handler.wallet = reading(service.wallet, show.wallet)

--- GET /v1/wallets/{id}/entries
handler.entries = listing(schema.entry_list, "ent", service.entries, show.entry)

--- GET /v1/wallets/{id}/credits
handler.credits = listing(schema.credit_list, "crd", service.credits, show.credit)

-- The id of the path and the body: what is not there, or not the caller's, is told before the body is looked at.
local function read_body(req, prefix, name, find, shape)
  local id, err = v.path_id(req.params.id, prefix, name)
  local found, input
  if id then
    found, err = find(id)
  end
  if found then
    input, err = request.body(req, shape)
  end
  return input and id, input or err
end

-- Of a wallet that the caller may see.
local function of_wallet(req, shape)
  return read_body(req, "wal", "wallet", service.wallet, shape)
end

-- Of what is the seller's to do with a wallet.
local function from_above(req, what, shape)
  return read_body(req, "wal", "wallet", function(id)
    return service.from_above(id, what)
  end, shape)
end

-- Of an order that is the seller's to close.
local function of_order(req, shape)
  return read_body(req, "top", "order", orders.from_above, shape)
end

--- POST /v1/wallets/{id}/credit-limit
function handler.change_credit_limit(req)
  local id, input = from_above(req, "credit limit", schema.credit_limit)
  if not id then
    return nil, input
  end
  local decision, reason = approvals.ask({
    operation = "wallets.change_credit_limit", flow = "credit_limit", object = id, input = input,
  }, "wallets:write", req.principal.actor)
  if not decision then
    return nil, reason
  elseif decision ~= true then
    return 202, show_approval(decision), { location = "/v1/approvals/" .. decision.id }
  end
  local wallet, err = service.change_credit_limit(id, input.amount, reason)
  if not wallet then
    return nil, err
  end
  return 200, show.wallet(wallet)
end

local function show_moved(moved)
  return { entry = show.entry(moved.entry), wallet = show.wallet(moved.wallet) }
end

local MOVED <const> = { status = 201, show = show_moved }

--- POST /v1/wallets/{id}/topups
function handler.top_up(req)
  local id, input = from_above(req, "money", schema.topup)
  if not id then
    return nil, input
  end
  return operations.make(req, "POST /v1/wallets/" .. id .. "/topups", MOVED, function(record)
    return service.top_up(id, input, record)
  end)
end

local function show_given(given)
  return { credit = show.credit(given.credit), wallet = show.wallet(given.wallet) }
end

local GIVEN <const> = { status = 201, show = show_given }

--- POST /v1/wallets/{id}/credits
function handler.give_credit(req)
  local id, input = from_above(req, "credit", schema.credit)
  if not id then
    return nil, input
  end
  return operations.make(req, "POST /v1/wallets/" .. id .. "/credits", GIVEN, function(record)
    return service.give_credit(id, input, record)
  end)
end

--- POST /v1/wallets/{id}/corrections
function handler.correct(req)
  local id, input = from_above(req, "correction", schema.correction)
  if not id then
    return nil, input
  end
  return operations.once(req, "POST /v1/wallets/" .. id .. "/corrections", function(record)
    local decision, reason = approvals.ask({
      operation = "wallets.correct", flow = "wallet_correction", object = id, input = input,
    }, "wallets:correct", req.principal.actor, function(tx, row)
      return record(tx, 202, show_approval(row))
    end)
    if not decision then
      return nil, reason
    elseif decision ~= true then
      return 202, show_approval(decision), { location = "/v1/approvals/" .. decision.id }
    end
    local moved, err = service.correct(id, input, reason, function(tx, made)
      return record(tx, 200, show_moved(made))
    end)
    if not moved then
      return nil, err
    end
    return 200, show_moved(moved)
  end)
end

--- GET /v1/wallets/{id}/levels
handler.levels = reading(levels.levels, show.levels)

--- PUT /v1/wallets/{id}/levels
function handler.set_levels(req)
  local id, input = of_wallet(req, schema.levels)
  if not id then
    return nil, input
  end
  local found, err = levels.set(id, input.amounts)
  if not found then
    return nil, err
  end
  return 200, show.levels(found)
end

--- GET /v1/wallets/{id}/auto-topup
handler.auto_topup = reading(orders.rule, show.auto_topup)

--- PUT /v1/wallets/{id}/auto-topup
function handler.set_auto_topup(req)
  local id, input = of_wallet(req, schema.auto_topup)
  if not id then
    return nil, input
  end
  local done, err = orders.set_rule(id, {
    enabled = input.enabled, threshold = input.threshold, amount = input.amount,
    monthly_max = input.monthly_max ~= tg.json.null and input.monthly_max or nil,
  })
  if not done then
    return nil, err
  end
  return handler.auto_topup(req)
end

--- GET /v1/wallets/{id}/topup-orders
handler.orders = listing(schema.order_list, "top", orders.orders, show.order)

local SETTLED <const> = { status = 200, show = show.order }

--- POST /v1/topup-orders/{id}/settle
function handler.settle_order(req)
  local id, input = of_order(req, schema.settlement)
  if not id then
    return nil, input
  end
  return operations.make(req, "POST /v1/topup-orders/" .. id .. "/settle", SETTLED, function(record)
    return orders.settle(id, input, record)
  end)
end

--- POST /v1/topup-orders/{id}/fail
function handler.fail_order(req)
  local id, input = of_order(req, schema.failure)
  if not id then
    return nil, input
  end
  local order, err = orders.fail(id, input.reason)
  if not order then
    return nil, err
  end
  return 200, show.order(order)
end

--- GET /v1/wallets/{id}/statement
function handler.statement(req)
  local id, err = v.path_id(req.params.id, "wal", "wallet")
  local query, made
  if id then
    query, err = v.query(schema.statement, req.query)
  end
  if query then
    made, err = statement.of(id, query)
  end
  if not made then
    return nil, err
  elseif query.format == "csv" then
    return 200, statement.csv(made), {
      ["content-type"] = "text/csv; charset=utf-8", ["content-disposition"] = 'attachment; filename="statement.csv"',
    }
  end
  return 200, show.statement(made)
end

return handler
