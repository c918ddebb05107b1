---@meta
--- What src/charge gives to application code: usage into the ledger, rate decks out of files. For editors; never run.

---@class tg.usage
tg.usage = {}

---@class tg.usage.Rejected
---@field index integer  place in the request, from 0
---@field event_id string?  when it could be read
---@field reason "invalid"|"conflict"|"unknown_company"|"unprocessable"
---@field pointer string?  JSON pointer inside the event
---@field detail string  a sentence

---@class tg.usage.Answer
---@field accepted integer  durable, once for ever
---@field duplicates integer  the same key and body as one accepted before
---@field rejected tg.usage.Rejected[]
---@field outcomes {rated: integer, not_billable: integer, no_rate: integer, blocked: integer, unrated: integer, failed: integer}  of the accepted

--- Parses a body of usage events (one, an array, NDJSON, CloudEvents 1.0), rates and charges them for the principal's
--- company and those below it. Waits. Everything accepted is durable when it returns. With an idempotency key a repeat
--- gets the first answer; the same key with another body is err.code "conflict" with err.status 422.
---@param bytes tg.Bytes|string
---@param options {idempotency_key: string?}?
---@return tg.usage.Answer? answer
---@return boolean|tg.Err is_replay_or_err  whether it is the kept answer of an earlier request
function tg.usage.ingest(bytes, options) end

---@class tg.backtests
tg.backtests = {}

---@class tg.backtests.Query
---@field bundle string  its id, and
---@field files {path: string, source: string}[]  what it holds
---@field company string  and those below it
---@field from integer  event times, half open
---@field to integer
---@field cursor string  "" at first
---@field limit integer  1 to 10000 events

---@class tg.backtests.Page
---@field cursor string  for the next page; "" at the end
---@field events integer
---@field companies {company: string, currency: string, events: integer, same: integer, different: integer, errors: integer, stored: string, new: string, deltas: table<string, integer>}[]
---@field samples {usage: string, company: string, stored: string, new: string, error: string?}[]  of differences and errors, at most 100; the status where there is no amount

--- Rates stored usage once more with another bundle, for about a second and a half. Waits.
---@param query tg.backtests.Query
---@return tg.backtests.Page? page
---@return tg.Err? err
function tg.backtests.page(query) end

---@class tg.decks
tg.decks = {}

---@class tg.decks.Parsed
---@field rows integer  = priced + blocked + rejected
---@field priced integer
---@field blocked integer
---@field rejected integer
---@field first_rejected {row: integer, prefix_text: string, reason: string, detail: string}[]  at most 100; row is the file's line
---@field sha256 string  32 bytes
---@field parsed userdata  for tg.decks.rows

---@class tg.decks.Row
---@field row_no integer
---@field prefix string
---@field name string?  of rows(), not of lookup()
---@field per_minute tg.Decimal
---@field connect_fee tg.Decimal
---@field initial_s integer
---@field increment_s integer
---@field min_s integer
---@field valid_from integer?  µs, nil: always was
---@field valid_to integer?  µs, nil: for ever
---@field blocked boolean
---@field when_window string  "" always
---@field steps {after_s: integer, per_minute: string}[]?

--- Reads the CSV of a deck on a worker thread. Waits. Fails only when it is no deck at all; damaged rows are counted.
---@param bytes tg.Bytes|string
---@return tg.decks.Parsed? parsed
---@return tg.Err? err
function tg.decks.parse(bytes) end

--- Up to n (at most 10000) of the good rows, from number `from` on; the first is 1.
---@param parsed userdata
---@param from integer
---@param n integer
---@return tg.decks.Row[]
function tg.decks.rows(parsed, from, n) end

--- The row of a loaded version that prices a number at an instant; rows with a window are left out. Waits when the
--- version is not in memory yet.
---@param deck_id string
---@param version integer
---@param digits string  E.164 without '+'
---@param at_us integer
---@return tg.decks.Row? row
---@return tg.Err? err
function tg.decks.lookup(deck_id, version, digits, at_us) end

--- A version of a deck for tg.rules.call, kept in memory as long as the value lives. Waits when it must be loaded.
---@param deck_id string
---@param version integer
---@return tg.Deck? deck
---@return tg.Err? err
function tg.decks.get(deck_id, version) end

---@class tg.calls
tg.calls = {}

--- Live calls: holds money, charges what was used. Each waits; its answer is JSON as it is kept with the call, ready to be
--- sent: a repeat gets the same bytes (the boolean says that it is one). Errors: input (err.pointer), not_found, conflict
--- (err.type "call_exists"), busy, upstream (nothing happened), uncertain (send it again).

---@class tg.calls.Authorize
---@field company string?  co_…, the principal's or one below; nil: the principal's
---@field call_id string  the caller's name for the call, at most 200 bytes
---@field from string?
---@field to string  the called number
---@field direction string?
---@field agent_id string?
---@field meters string[]?  nil: call.seconds
---@field properties string?  a JSON object
---@field request_seconds integer?

---@param call tg.calls.Authorize
---@return string? answer {"decision": "allow", …} or {"decision": "deny", "reason"}
---@return boolean|tg.Err is_replay_or_err
function tg.calls.authorize(call) end

---@class tg.calls.Renew
---@field company string?
---@field call_id string
---@field seq integer  from 1, growing
---@field answered_at integer?  µs
---@field elapsed_seconds integer  since the answer, in all
---@field request_seconds integer?

---@param call tg.calls.Renew
---@return string? answer {"decision": "continue", …} or {"decision": "stop", …}
---@return boolean|tg.Err is_replay_or_err
function tg.calls.renew(call) end

---@class tg.calls.Settle
---@field company string?
---@field call_id string
---@field answered_at integer?  µs
---@field duration_ms integer
---@field status string  "answered", "busy", "no_answer", …
---@field usage {meter: string, quantity: tg.Decimal|string|integer, provider_cost: {amount: string, currency: string}?}[]?  of the other meters
---@field properties string?  a JSON object, over those of the request

---@param call tg.calls.Settle
---@return string? answer {"call_id", "charge", "lines", "wallet", …}
---@return boolean|tg.Err is_replay_or_err
function tg.calls.settle(call) end

--- Ends calls whose time is over, at most 1000. Needs no principal; who is not due (any more) stays.
---@param calls {company: string, call_id: string}[]
---@return integer? ended
---@return tg.Err? err
function tg.calls.expire(calls) end
