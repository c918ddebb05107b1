--- What callers may rely on: rate decks.
local openapi = require("core.openapi")
local schema = require("catalog.schema")
local shapes = require("core.shapes")
local v = require("core.validate")

local report <const> = v.object({
  rows = shapes.count, priced = shapes.count, blocked = shapes.count, rejected = shapes.count,
  first_rejected = shapes.list(v.object({
    row = v.described(shapes.count, "line of the file"), prefix = shapes.text, reason = shapes.text,
    detail = shapes.text,
  })),
})

local deck <const> = v.object({
  id = shapes.id("deck"),
  company = shapes.id("co"),
  name = shapes.text,
  currency = shapes.currency,
  version = v.described(shapes.count, "the active one; 0: nothing is loaded yet"),
  rows = shapes.count,
  report = v.or_null(report),
  created_at = shapes.instant,
  updated_at = shapes.instant,
})

local EXAMPLE_CSV <const> = "prefix,name,per_minute,initial_s,increment_s\n44,United Kingdom,0.0120,60,60\n"

local ABOUT <const> = "Price lists: what a called number costs, by its longest prefix. Versions of them, reported on "
  .. "before they are loaded."

return openapi.section("catalog", "Rate decks", ABOUT, {
  create_deck = {
    summary = "Create a rate deck", body = schema.deck_create, answers = { [201] = deck }, once = true,
    refusals = { [409] = "A deck of this name is there" },
    example = { body = { name = "Wholesale A-Z", currency = "USD" } },
  },
  decks = { summary = "List rate decks", query = schema.deck_list, answers = { [200] = shapes.counted_page(deck) } },
  deck = { summary = "One rate deck", ids = { id = "deck" }, answers = { [200] = deck }, etag = true },
  put_rates = {
    etag = true,
    summary = "Load the rates of a deck",
    ids = { id = "deck" },
    description = "The body is the whole deck as CSV. Nothing is loaded while rows are damaged and nobody has accepted "
      .. "the report: 422 names them and the `report_id` to accept. The same file again changes nothing.",
    query = schema.rates_put,
    body = { type = "text/csv", example = EXAMPLE_CSV },
    answers = {
      [200] = v.object({
        deck = shapes.id("deck"), version = shapes.count, changed = shapes.flag, message = shapes.text, report = report,
      }),
    },
    refusals = { [409] = "The accepted report is not one of this file" },
  },
  lookup = {
    summary = "What a number costs now, or at an instant",
    ids = { id = "deck" },
    query = schema.lookup,
    needs = { number = true },
    answers = {
      [200] = v.object({
        number = shapes.text, at = shapes.instant, deck = shapes.id("deck"), version = shapes.count,
        currency = shapes.currency,
        rate = v.described(v.or_null(shapes.rate), "null: no row of the deck has this number"),
      }),
    },
  },
})
