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

local moved <const> = v.object({ entry = entry, wallet = wallet })
local id <const> = { id = "wal" }
local FROM_ABOVE <const> = "By the company above, never by the one that pays. "
local TWO <const> = "It needs a second person: 202, and nothing has happened before somebody approves."

return openapi.section("wallets", "Wallets", {
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
})
