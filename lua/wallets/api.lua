--- What callers may rely on: wallets.
local approvals = require("approvals.schema")
local openapi = require("core.openapi")
local schema = require("wallets.schema")
local shapes = require("core.shapes")
local v = require("core.validate")

local wallet <const> = v.object({
  id = shapes.id("wal"), company = shapes.id("co"), currency = shapes.currency, balance = shapes.money,
  credit_limit = shapes.money, held = v.described(shapes.money, "for calls that are open"),
  available = v.described(shapes.money, "balance and credit limit, less what is held"),
  credits = v.described(shapes.money, "the part of the balance that is spent first, and may end"),
  open_calls = shapes.count, version = shapes.count, created_at = shapes.instant,
})

local entry <const> = v.object({
  id = shapes.id("ent"), kind = shapes.text, amount = shapes.money, balance_after = shapes.money,
  event_count = shapes.count, description = shapes.text, created_at = shapes.instant,
})

local credit <const> = v.object({
  id = shapes.id("crd"), wallet = shapes.id("wal"), kind = shapes.one_of({ "promotion", "prepaid" }),
  priority = v.described(v.integer(-1000, 1000), "smaller is spent first"), granted = shapes.money,
  remaining = shapes.money, expires_at = v.or_null(shapes.instant), note = shapes.text, entry = shapes.id("ent"),
  created_at = shapes.instant,
})

local levels <const> = v.object({
  wallet = shapes.id("wal"),
  levels = shapes.list(v.object({ amount = shapes.money, firing = shapes.flag, since = v.or_null(shapes.instant) })),
})

local money_or_null <const> = v.or_null(shapes.money)
local auto_topup <const> = v.object({
  wallet = shapes.id("wal"), enabled = shapes.flag, threshold = money_or_null, amount = money_or_null,
  monthly_max = money_or_null,
  paused = v.described(shapes.flag, "an order failed: nothing is wanted before the balance has been above"),
  ordered_this_month = shapes.money,
})

local order <const> = v.object({
  id = shapes.id("top"), company = shapes.id("co"), wallet = shapes.id("wal"),
  state = shapes.one_of({ "wanted", "done", "failed" }), amount = shapes.money,
  balance = v.described(shapes.money, "that it was wanted at"), entry = v.or_null(shapes.id("ent")),
  reason = v.described(v.or_null(shapes.text), "why it failed"), wanted_at = shapes.instant,
  closed_at = v.or_null(shapes.instant),
})

local statement <const> = v.object({
  wallet = shapes.id("wal"), company = shapes.id("co"), from = shapes.instant, to = shapes.instant,
  opening_balance = shapes.money, closing_balance = shapes.money,
  data = shapes.list(v.object({
    kind = shapes.text, entries = shapes.count, events = shapes.count, amount = shapes.money,
  })),
})

local moved <const> = v.object({ entry = entry, wallet = wallet })
local id <const> = { id = "wal" }
local FROM_ABOVE <const> = "By the company above, never by the one that pays. "
local TWO <const> = "It needs a second person: 202, and nothing has happened before somebody approves."

local ABOUT <const> = "The money of a company: what came in, what open calls hold, what is left."

return openapi.section("wallets", "Wallets", ABOUT, {
  wallets = { summary = "List wallets", query = schema.wallet_list, answers = { [200] = shapes.page(wallet) } },
  wallet = { summary = "One wallet", ids = id, answers = { [200] = wallet } },
  change_credit_limit = {
    summary = "Set how far below zero a wallet may go", description = FROM_ABOVE .. TWO,
    ids = id, body = schema.credit_limit, answers = { [200] = wallet, [202] = approvals.approval },
  },
  entries = {
    summary = "What moved a wallet, newest first", ids = id, query = schema.entry_list,
    answers = { [200] = shapes.page(entry) },
  },
  top_up = {
    summary = "Record money that came in from outside",
    description = FROM_ABOVE .. "A bank transfer, say. Send an Idempotency-Key, so that it counts once.",
    ids = id, body = schema.topup, answers = { [201] = moved }, once = true,
    example = { body = { amount = "250.00", reference = "SEPA 2026-07-15 4711" } },
  },
  give_credit = {
    summary = "Give promotional credit",
    description = FROM_ABOVE .. "It is spent before the rest, by priority, then by what ends first. What is left of "
      .. "it at its end is taken back, but never what an open call needs.",
    ids = id, body = schema.credit, answers = { [201] = v.object({ credit = credit, wallet = wallet }) }, once = true,
    example = { body = { amount = "10", expires_at = "2099-12-31T00:00:00Z", note = "welcome" } },
  },
  credits = {
    summary = "The credits of a wallet, the newest first", ids = id, query = schema.credit_list,
    answers = { [200] = shapes.page(credit) },
  },
  correct = {
    summary = "Put a balance right by hand", description = FROM_ABOVE .. TWO,
    ids = id, body = schema.correction, answers = { [200] = moved, [202] = approvals.approval }, once = true,
    example = { body = { amount = "-0.50", reason = "a transfer was typed wrong" } },
  },
  levels = { summary = "The balances that alerts tell of", ids = id, answers = { [200] = levels } },
  set_levels = {
    summary = "Set the balances that alerts tell of",
    description = "An alert (`wallet.low_balance`) is raised when the balance goes below one of them, and cleared when "
      .. "it is back; once each way, a moment later.",
    ids = id, body = schema.levels, answers = { [200] = levels },
    example = { body = { amounts = { "10", "50.00" } } },
  },
  auto_topup = { summary = "The rule of automatic top-ups", ids = id, answers = { [200] = auto_topup } },
  set_auto_topup = {
    summary = "Set when a wallet wants how much money",
    description = "Below the threshold one order is wanted, and no second before it is settled or has failed; in a "
      .. "month not more than `monthly_max`.",
    ids = id, body = schema.auto_topup, answers = { [200] = auto_topup },
    example = { body = { enabled = true, threshold = "-1000", amount = "100.00", monthly_max = "500" } },
  },
  orders = {
    summary = "The orders of a wallet's automatic top-up, the newest first", ids = id, query = schema.order_list,
    answers = { [200] = shapes.page(order) },
  },
  settle_order = {
    summary = "Record that the money of an order has come in",
    description = FROM_ABOVE .. "Twice is once.",
    ids = { id = "top" }, body = schema.settlement, answers = { [200] = order }, once = true,
    refusals = { [409] = "It has failed" },
  },
  fail_order = {
    summary = "Record that the money of an order will not come",
    description = FROM_ABOVE .. "The next is wanted when the balance has been above the threshold, or the rule is set.",
    ids = { id = "top" }, body = schema.failure, answers = { [200] = order }, refusals = { [409] = "It is settled" },
  },
  statement = {
    summary = "What moved a wallet in a time, by kind, with the balances before and after",
    description = "Exact: the sums and the balance before are the balance after. What is being written this moment may "
      .. "be missing in one that ends now.",
    ids = id, query = schema.statement, answers = { [200] = { statement, { type = "text/csv" } } },
  },
})
