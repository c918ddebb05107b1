--- What callers may rely on: rules.
local approvals = require("approvals.schema")
local openapi = require("core.openapi")
local schema = require("rules.schema")
local shapes = require("core.shapes")
local v = require("core.validate")

local null_or <const> = v.or_null
local amount <const> = shapes.decimal
local hash <const> = shapes.text -- 64 hex digits
local decider <const> = v.described(shapes.text, 'the id of a bundle, or "release": the rules that the release brings')
local file <const> = v.object({ path = shapes.text, source = shapes.text })

local bundle_fields <const> = {
  id = v.described(hash, "SHA-256 of the files"), parent = v.described(null_or(hash), "what it was made of"),
  author = null_or(shapes.text), note = shapes.text,
  hooks = shapes.list(v.object({ hook = shapes.text, path = shapes.text, cases = shapes.count })),
  created_at = null_or(shapes.instant),
}

-- The fields of a bundle and more.
local function bundle_with(more)
  for name, field in pairs(bundle_fields) do
    more[name] = field
  end
  return v.object(more)
end

local published <const> = bundle_with({
  changed = v.described(shapes.list(shapes.text), "paths in which it differs from its base"),
})

local changes <const> = shapes.list(v.object({
  path = shapes.text, change = shapes.one_of({ "added", "removed", "changed" }),
  diff = v.described(null_or(shapes.text), "as `diff -u` writes it; null: all of them together are too much"),
}))

local difference <const> = v.object({ bundle = null_or(hash), to = hash, files = changes })

local activated <const> = v.object({ revision = shapes.count, bundle = decider, previous = decider })

local node <const> = v.object({
  node = shapes.id("node"), host = shapes.text, revision = shapes.count, bundle = null_or(hash),
  shadow_revision = shapes.count, threads = shapes.list(shapes.object),
  error = v.described(null_or(shapes.text), "why it stays behind"), started_at = shapes.instant,
  seen_at = shapes.instant, behind = shapes.flag,
})

local shadow_fields <const> = {
  revision = shapes.count, bundle = null_or(hash), share = amount, set_by = shapes.text, set_at = shapes.instant,
}

local counts <const> = { same = shapes.count, different = shapes.count, errors = shapes.count }

local group <const> = v.object({
  company = null_or(shapes.id("co")), currency = shapes.currency, same = counts.same, different = counts.different,
  errors = v.described(counts.errors, "of the other bundle"), stored = v.described(amount, "what was charged"),
  new = v.described(amount, "what the other bundle says"), difference = amount,
  percent = v.described(null_or(amount), "null: of nothing"), min = null_or(amount), p50 = null_or(amount),
  p95 = null_or(amount), max = v.described(null_or(amount), "the largest difference of one call"),
})

local shadow_report <const> = v.object({
  revision = shadow_fields.revision, bundle = shadow_fields.bundle, share = shadow_fields.share,
  set_by = shadow_fields.set_by, set_at = shadow_fields.set_at,
  hooks = shapes.list(v.object({
    hook = shapes.text, same = counts.same, different = counts.different, errors = counts.errors,
  })),
  totals = shapes.list(group), companies = shapes.list(group),
  samples = shapes.list(v.object({
    hook = shapes.text, company = null_or(shapes.text), input = shapes.any, live = shapes.any, candidate = shapes.any,
    error = null_or(shapes.text), seen_at = shapes.instant,
  })),
})

local backtest_fields <const> = {
  id = shapes.id("bt"), bundle = hash, from = shapes.instant, to = shapes.instant, company = shapes.id("co"),
  state = shapes.one_of({ "waiting", "running", "done", "failed" }),
  events = v.described(shapes.count, "how many there are; 0 before it runs"), events_done = shapes.count,
  error = null_or(shapes.text), set_by = shapes.text, created_at = shapes.instant, updated_at = shapes.instant,
}
local backtest <const> = v.object(backtest_fields)

local with_report = {
  report = v.object({
    same = counts.same, different = counts.different, errors = counts.errors, totals = shapes.list(group),
    companies = shapes.list(group), samples = v.described(shapes.list(shapes.object), "the first differences"),
  }),
}
for name, field in pairs(backtest_fields) do
  with_report[name] = field
end

local REFUSED <const> = "`errors` names file (`path`), `line`, `what` and `message` of each fault"
local MOVED <const> = "Somebody was first: `revision` and `bundle` say what is active"

local operations <const> = {
  hooks = {
    summary = "The hooks, and the file that decides each",
    answers = {
      [200] = v.object({
        bundle = hash,
        data = shapes.list(v.object({
          name = shapes.text, summary = shapes.text, on_failure = shapes.text, says = null_or(shapes.text),
          budget_us = shapes.count, asked_by = null_or(shapes.text), awaits = null_or(shapes.text),
          input = shapes.any, output = shapes.any, path = null_or(shapes.text),
        })),
      }),
    },
  },
  publish = {
    summary = "Publish a bundle of rules",
    description = "The files are laid over those of `base`, so that one file is enough. The whole is compiled, checked "
      .. "and its golden cases are run before it is kept. The same files again are the same bundle (200). Nothing "
      .. "decides differently before it is activated.",
    body = schema.publish, answers = { [201] = published, [200] = published }, once = true,
    refusals = { [422] = REFUSED },
    example = { body = { files = {
      { path = "pricing/lib/house.lua", source = 'return { connect_fee = "0.01" }\n' },
    }, note = "a new price list" } },
  },
  bundles = {
    summary = "Bundles, newest first", query = schema.bundle_list,
    answers = { [200] = shapes.counted_page(bundle_with({})) },
  },
  bundle = {
    summary = "One bundle", description = "`active` and `release` stand for bundles too.", query = schema.bundle_show,
    answers = { [200] = bundle_with({ files = v.optional(shapes.list(file)) }) },
  },
  difference = {
    summary = "What choosing this bundle in place of another changes",
    description = "Lines of this bundle are added, those of `to` (without: the active one) removed.",
    query = schema.difference, answers = { [200] = difference },
  },
  compare = {
    summary = "The same for files that are not published", body = schema.compare, answers = { [200] = difference },
  },
  active = {
    summary = "What decides, and how far each node has come",
    answers = {
      [200] = v.object({
        revision = shapes.count, bundle = decider, set_by = shapes.text, set_at = shapes.instant,
        nodes = shapes.list(node),
      }),
    },
  },
  activate = {
    summary = "Make a bundle the one that decides",
    description = "Who wrote it does not activate it, unless nobody else may: 202, and it waits for somebody who "
      .. "approves. With a `gate`, only when what the shadow (or a backtest) has found stays inside it.",
    body = schema.activate, answers = { [200] = activated, [202] = approvals.approval }, once = true,
    refusals = {
      [403] = "The permission is missing, or the review refuses", [409] = MOVED,
      [422] = "Refused: `errors` names the fields, or `reasons` what the gate demands and is not so",
    },
  },
  activations = {
    summary = "What was active, newest first", query = schema.list,
    answers = {
      [200] = shapes.page(v.object({
        revision = shapes.count, bundle = decider, previous = decider,
        reason = shapes.one_of({ "activate", "rollback", "automatic" }), detail = shapes.text,
        gate = null_or(shapes.object), set_by = shapes.text, set_at = shapes.instant,
      })),
    },
  },
  roll_back = {
    summary = "Go back to what decided before", body = schema.roll_back, answers = { [200] = activated }, once = true,
    refusals = { [409] = MOVED .. "; or nothing was active before" },
  },
  set_shadow = {
    summary = "Let a bundle see a share of the calls beside the active one, or none any more",
    body = schema.set_shadow, answers = { [200] = v.object(shadow_fields) }, once = true,
  },
  shadow_report = {
    summary = "What the shadow has found since its bundle was set", answers = { [200] = shadow_report },
  },
  dry_run = {
    summary = "What a bundle answers to one input",
    body = schema.dry_run,
    answers = {
      [200] = v.object({
        bundle = hash, hook = shapes.text, output = v.optional(shapes.any),
        error = v.optional(v.object({
          message = shapes.text, trace = null_or(shapes.text),
          limit = v.described(shapes.flag, "it met a limit of time or memory"),
        })),
        log = shapes.list(shapes.any), usecs = shapes.count,
        memory = v.described(shapes.count, "bytes, at most at one time"),
      }),
    },
  },
  create_backtest = {
    summary = "Rate a past period with another bundle", body = schema.backtest, answers = { [202] = backtest },
    once = true,
  },
  backtests = { summary = "List backtests, newest first", query = schema.list,
    answers = { [200] = shapes.page(backtest) } },
  backtest = { summary = "How far a backtest is, and what it says of the money",
    answers = { [200] = v.object(with_report) } },
}

for _, operation in pairs(operations) do
  operation.refusals = operation.refusals or {}
  operation.refusals[404] = "There is no such thing; for a company below the platform nothing of it is there"
end

local ABOUT <const> = "Lua that decides what things cost and who may do what: published, tried, activated, taken "
  .. "back while it runs."

return openapi.section("rules", "Rules", ABOUT, operations)
