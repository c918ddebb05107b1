---@meta
--- How application code asks a rule (src/rt/api_rules.c). For editors; never run.

--- A version of a rate deck, from tg.decks.get.
---@class tg.Deck

---@class tg.rules
tg.rules = {}

---@class tg.rules.Report
---@field usecs integer  how long the call took
---@field rule string  the rule that decided, "pricing.rate_usage"
---@field bundle string  SHA-256 (hex) of the rules

---@class tg.rules.Options
---@field deck? tg.Deck  what cap.deck finds its rows in
---@field flags? table<string, boolean|integer|string>  what cap.flags knows
---@field company? string  "co_…": whose money it is, for the shadow's report; without one it is a preview
---@field currency? string  of that money
---@field bundle? string  another bundle than the one that decides: after tg.rules.load

--- Asks the rule of a hook: synchronous, pure, never waits. A request or job keeps the bundle it asked first until it
--- ends, whatever is activated meanwhile. Input and result are copied: integers, strings, booleans,
--- decimals, lists and maps with texts as keys, at most 16 tables deep and 10000 values; anything else is an error that
--- names the path. err.code: "not_found" no rule for the hook; "bug" the rule failed, or the input is no data; "busy"
--- the rule met a limit of time or memory, or the rules are being loaded again.
---@param hook string
---@param input table
---@param options tg.Deck|tg.rules.Options?
---@return table? result
---@return tg.rules.Report|tg.Err report_or_err
function tg.rules.call(hook, input, options) end

--- The bundle that decides for this coroutine; nil in a script.
---@return string?
function tg.rules.bundle() end

--- The revision of the active slot that this coroutine decides with; 0: the release's own rules.
---@return integer?
function tg.rules.revision() end

--- The slots have changed: this process looks at once, not with its next poll.
function tg.rules.wake() end

--- Makes another bundle callable, beside the one that decides: tg.rules.call(…, { bundle = id }), until the next load.
--- For explanations and replays. Waits when it is not in memory.
---@param bundle string  SHA-256 (hex)
---@return true? loaded, tg.Err? err  "not_found": there is no such bundle
function tg.rules.load(bundle) end

--- The rules that the release brings, as a bundle. Read only: every call gives the same table.
---@return {id: string, files: {path: string, source: string}[], hooks: {hook: string, path: string, cases: integer}[]}? release
---@return tg.Err? err  "not_found": a script has none
function tg.rules.release() end

---@class tg.rules.Fault
---@field path string|tg.json.null  "pricing/rules.lua"
---@field line integer|tg.json.null
---@field what string  "path", "text", "limit", "syntax", "purity", "lua", "schema", "hook", "case" or "state"
---@field message string

--- Everything that is wrong with files that are to be a bundle. Runs them in a child process and waits for it.
---@param files {path: string, source: string}[]
---@return {id: string, ok: boolean, hooks: {hook: string, path: string, cases: integer}[], faults: tg.rules.Fault[], more: integer}? report
---@return tg.Err? err  "busy": it took too long; "upstream": the child could not be started, or crashed
function tg.rules.check(files) end

--- One call in a VM of its own on a worker, waited for; no effect on anything. Hooks that nobody asks yet answer, too.
--- bundle: files; absent: what decides here. input is data that has JSON, amounts as texts or decimals. deck: of
--- tg.decks.get, or a list of rows. fx: {base = "EUR", days = {["2026-04-13"] = {USD = "1.1684"}}}.
---@param run {bundle: {path: string, source: string}[]?, hook: string, input: table, deck: tg.Deck|table?, fx: table?, flags: table?}
---@return {bundle: string, output: any, error: {message: string, trace: string, limit: boolean}?, log: string[], usecs: integer, memory: integer}? result
---@return tg.Err? err  "not_found" no rule for the hook; "input" the files are no bundle, or deck or fx is wrong
function tg.rules.dry_run(run) end
