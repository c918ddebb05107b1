--- What callers may rely on: corrections.
local openapi = require("core.openapi")
local schema = require("corrections.schema")

local HOW <const> = "The lines that stood are taken back exactly; new ones are rated with the rules, the rate deck and "
  .. "the parameters of then, at the place of then in tiers and allowances. What came after it keeps its price. A "
  .. "correction is corrected by another. By a company above the one that pays, never by itself."
local REFUSALS <const> = {
  [409] = "`nothing_to_correct`: it is so already; `corrected_meanwhile`: by somebody else; `call_open`: settle it",
}

local ABOUT <const> = "What was charged is put right by exact negatives and new lines. Nothing is overwritten."

return openapi.section("corrections", "Corrections", ABOUT, {
  correct_call = {
    summary = "Correct what a call was",
    description = HOW .. " What a late settle reported stands with the call (`late`): this is how it comes to count.",
    body = schema.of_call,
    answers = { [201] = schema.correction }, refusals = REFUSALS, once = true,
    example = { body = { duration_ms = 59000, reason = "the carrier counted the ringing" } },
  },
  correct_usage = {
    summary = "Correct what an event of usage was", description = HOW, ids = { id = "usg" }, body = schema.of_usage,
    answers = { [201] = schema.correction }, refusals = REFUSALS, once = true,
    example = { body = { void = true, reason = "a test call" } },
  },
})
