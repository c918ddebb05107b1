---@meta
--- The application's view of the server: everything `tg` offers to handler, service and store. For editors; never run.
-- (lua/types/charge.lua adds what src/charge gives; rules see `cap`, not `tg`.)
--
-- Waiting functions give up the thread until the answer is there; each has the request's deadline. They answer
-- `value` or `nil, err`; a nil that is an answer ("no such row") comes without err. Mistakes of the code raise.
-- Nothing waits while modules load, inside sort, gsub and the like, or in a __close.

---@class tg.Err
---@field code "input"|"not_found"|"denied"|"conflict"|"busy"|"upstream"|"uncertain"|"bug"
---@field detail string  a sentence; of a bug never for a client
---@field native integer?  the library's own number: MariaDB's errno, …

---@class tg
tg = {}

--- Whom the running coroutine works for.
---@return {request_id: string, company: string?, actor: string?, session: string?}
function tg.context() end

--- The table of the running coroutine: what belongs to its request and must not be kept in a module. Empty at its
--- beginning, gone with it.
---@return table
function tg.locals() end

--- A coroutine of the system (a job, a webhook) works for this company from here on; raises when it works for somebody.
---@param company string  co_…
function tg.assume(company) end

--- Calls f with at most `ms` for what it waits for (never more than there was), and gives its results.
---@generic T
---@param ms integer
---@param f fun(...): T
---@return T
function tg.within(ms, f, ...) end

-- Database ------------------------------------------------------------------------------------------------------------

---@class tg.Statement
---@class tg.db
tg.db = {}

--- Declares statements, while the module loads. Parameters: `{scope}` the company of whoever asks (16 bytes; raises
--- when nobody does), `{name}` integer, string, boolean, decimal or nil, `{name:id}` an id's text, `{name:time}` µs,
--- `{name:json}` a table, `{name:hex}`. A statement has `{scope}`, or says why not. Columns: an alias `x:co` is an id
--- with that prefix, `x:json` decoded, `x:bool` a boolean; INT and DATETIME are integers (µs), DECIMAL a decimal.
---@param list table<string, string|{unscoped: string, sql: string}>
---@return table<string, tg.Statement>
function tg.db.declare(list) end

--- Waits. The rows, possibly none. Raises inside a transaction: use tx:query.
---@param statement tg.Statement
---@param args table?
---@return table[]? rows
---@return tg.Err? err
function tg.db.query(statement, args) end

--- Waits. The row, or nil when there is none; two rows raise.
---@param statement tg.Statement
---@param args table?
---@return table? row
---@return tg.Err? err
function tg.db.one(statement, args) end

--- Waits. How many rows were written.
---@param statement tg.Statement
---@param args table?
---@return integer? affected
---@return tg.Err? err  code "conflict" and native 1062 for a duplicate key
function tg.db.execute(statement, args) end

--- Waits. Runs one statement for each element of the list, all or none, in a transaction of its own; an INSERT of one
--- row becomes INSERTs of many.
---@param statement tg.Statement
---@param list table[]
---@return integer? affected
---@return tg.Err? err
function tg.db.bulk(statement, list) end

---@class tg.Tx
local tx = {}
---@param statement tg.Statement
---@param args table?
---@return table[]? rows
---@return tg.Err? err
function tx:query(statement, args) end
---@param statement tg.Statement
---@param args table?
---@return table? row
---@return tg.Err? err
function tx:one(statement, args) end
---@param statement tg.Statement
---@param args table?
---@return integer? affected
---@return tg.Err? err
function tx:execute(statement, args) end
---@param statement tg.Statement
---@param list table[]
---@return integer? affected
---@return tg.Err? err
function tx:bulk(statement, list) end

--- Waits. Runs fn(tx) inside one transaction. `return nil, err` and a raise roll back. When the server has undone it
--- (1020, 1205, 1213) fn runs again, whole, up to five times: it must have no effect but through tx. Inside, tg.http,
--- tg.redis, tg.db.query and a second transaction raise. err.code "uncertain": the answer to COMMIT was lost.
---@generic T
---@param fn fun(tx: tg.Tx): T?, tg.Err?
---@return T? value
---@return tg.Err? err
function tg.db.transaction(fn) end

-- Other servers -------------------------------------------------------------------------------------------------------

---@class tg.redis
tg.redis = {}

--- Waits. One command. An absent value is nil, inside a list false; Redis may be away at any time (err "upstream").
---@param command string
---@param ... string|integer|tg.Decimal
---@return string|integer|table|nil value
---@return tg.Err? err
function tg.redis.call(command, ...) end

---@class tg.http
tg.http = {}

---@class tg.http.Request
---@field url string
---@field method string?  "GET"
---@field headers table<string, string>?
---@field body string?
---@field timeout_ms integer?  10000, and never more than the request's own deadline leaves
---@field idempotent boolean?  it may be sent again
---@field retries integer?  0 … 10

--- Waits. A status of 400 or more is an answer; err.code "uncertain": sent, and no answer.
---@param request tg.http.Request
---@return {status: integer, headers: table<string, string>, body: string}? response  names of headers in lower case
---@return tg.Err? err
function tg.http.request(request) end

-- Values --------------------------------------------------------------------------------------------------------------

---@class tg.json
---@field null lightuserdata  JSON's null; as an argument of a statement NULL
tg.json = {}

--- Keys sorted; integers exact; decimals as strings; {} is an object, tg.json.array({}) a list. Raises on a float, a
--- list with holes, a function.
---@param value any
---@return string
function tg.json.encode(value) end

--- Integers stay integers, a fraction is a decimal, null is tg.json.null. Duplicate keys are an error.
---@param text string
---@return any value
---@return tg.Err? err  the detail says line and column
function tg.json.decode(text) end

--- The same for bodies of others, who compute with doubles: a fraction is rounded to 12 places, half to the even
--- neighbour, and an integer beyond 64 bits is a decimal.
---@param text string
---@return any value
---@return tg.Err? err
function tg.json.decode_rounded(text) end

--- Marks a table as a list and gives it back.
---@generic T: table
---@param list T
---@return T
function tg.json.array(list) end

---@param value any
---@return boolean
function tg.json.is_array(value) end

---@alias tg.Rounding "half_up"|"half_even"|"up"|"down"
---@alias tg.Number tg.Decimal|integer|string  a float raises

--- An exact number with 12 places and 26 digits before the point. tostring() is shortest; == is only true of two decimals.
---@class tg.Decimal
---@operator add(tg.Number): tg.Decimal
---@operator sub(tg.Number): tg.Decimal
---@operator unm: tg.Decimal

---@class tg.decimal
tg.decimal = {}
---@param x tg.Number
---@return tg.Decimal
function tg.decimal.new(x) end
---@param a tg.Number
---@param b tg.Number
---@return tg.Decimal
function tg.decimal.add(a, b) end
---@param a tg.Number
---@param b tg.Number
---@return tg.Decimal
function tg.decimal.sub(a, b) end
---@param a tg.Number
---@param b tg.Number
---@param places integer  0 … 12
---@param mode tg.Rounding
---@return tg.Decimal
function tg.decimal.mul(a, b, places, mode) end
---@param a tg.Number
---@param b tg.Number  zero raises
---@param places integer
---@param mode tg.Rounding
---@return tg.Decimal
function tg.decimal.div(a, b, places, mode) end
--- a * num / den, rounded once.
---@param a tg.Number
---@param num integer
---@param den integer  above 0
---@param places integer
---@param mode tg.Rounding
---@return tg.Decimal
function tg.decimal.muldiv(a, num, den, places, mode) end
---@param a tg.Number
---@param places integer
---@param mode tg.Rounding
---@return tg.Decimal
function tg.decimal.round(a, places, mode) end
--- Shortest, or with exactly `places`; raises when digits would be lost.
---@param a tg.Number
---@param places integer?
---@return string
function tg.decimal.format(a, places) end
---@param a tg.Number
---@param b tg.Number
---@return -1|0|1
function tg.decimal.cmp(a, b) end
---@param ... tg.Number
---@return tg.Decimal
function tg.decimal.min(...) end
---@param ... tg.Number
---@return tg.Decimal
function tg.decimal.max(...) end
--- The integer it is, or nil.
---@param a tg.Number
---@return integer?
function tg.decimal.tointeger(a) end
---@param x any
---@return boolean
function tg.decimal.is_decimal(x) end

--- The calendar that rules have (types/caps.lua): local time, days, months and billing periods.
---@type tg.CapCalendar
tg.calendar = nil

---@class tg.Currency
---@field code string  "USD"
---@field places integer  of its minor unit, 0 … 4
---@field numeric integer
---@field name string

---@class tg.money
tg.money = {}
---@param code any
---@return tg.Currency?
function tg.money.currency(code) end
---@return tg.Currency[]
function tg.money.currencies() end
---@param amount tg.Number
---@param code string
---@param mode tg.Rounding
---@return integer? minor
---@return tg.Err? err  out of range
function tg.money.to_minor(amount, code, mode) end
---@param minor integer
---@param code string
---@return tg.Decimal
function tg.money.from_minor(minor, code) end

---@class tg.id
tg.id = {}
---@param prefix string  1 to 16 lower-case letters
---@return string
function tg.id.new(prefix) end
---@param text any
---@param prefix string
---@return string? bytes  16
---@return tg.Err? err
function tg.id.parse(text, prefix) end
---@param bytes string
---@param prefix string
---@return string
function tg.id.format(bytes, prefix) end
---@param value any
---@param prefix string
---@return boolean
function tg.id.is(value, prefix) end

--- Instants are integers: microseconds since 1970, UTC.
---@class tg.time
tg.time = {}
---@return integer us
function tg.time.now() end
--- Of a clock that only goes forward, to measure with.
---@return integer us
function tg.time.monotonic() end
---@param us integer
---@return string  RFC 3339, "2026-07-15T10:00:00Z"
function tg.time.format(us) end
---@param text string
---@return integer? us
---@return tg.Err? err
function tg.time.parse(text) end
--- Waits, at most until the deadline; raises when that has passed already.
---@param ms integer  0 … 60000
function tg.time.sleep(ms) end

--- Bytes that are not copied into a Lua string: a request's body. #b is its length.
---@class tg.Bytes
---@operator len: integer
local bytes = {}
---@return string
function bytes:text() end

-- Cryptography --------------------------------------------------------------------------------------------------------

---@class tg.crypto
tg.crypto = {}
---@param s string
---@return string  32 bytes
function tg.crypto.sha256(s) end
---@param key string
---@param s string
---@return string  32 bytes
function tg.crypto.hmac_sha256(key, s) end
---@param s string
---@return string  lower case
function tg.crypto.hex(s) end
---@param n integer  1 … 4096
---@return string
function tg.crypto.random(n) end
--- Takes as long wherever they differ.
---@param a string
---@param b string
---@return boolean
function tg.crypto.equal(a, b) end
---@param s string
---@return string  without padding
function tg.crypto.base64url(s) end
---@param text string
---@return string?  nil when it is not the one way to write the bytes
function tg.crypto.unbase64url(text) end
--- AES-256-GCM with a fresh random nonce: at most some 4,000 million texts (2^32) under one key.
---@param key string  32 bytes
---@param plaintext string
---@param aad string?  what it is for: needed again to open
---@return string
function tg.crypto.seal(key, plaintext, aad) end
---@param key string
---@param sealed string
---@param aad string?
---@return string? plaintext
---@return tg.Err? err
function tg.crypto.open(key, sealed, aad) end
--- Waits: a worker thread hashes.
---@param password string
---@return string? encoded
---@return tg.Err? err
function tg.crypto.argon2id(password) end
--- Waits.
---@param password string
---@param encoded string
---@return boolean? same
---@return tg.Err? err
function tg.crypto.argon2id_verify(password, encoded) end

--- For one-time codes (RFC 6238), and for nothing else.
---@param key string
---@param s string
---@return string  20 bytes
function tg.crypto.hmac_sha1(key, s) end

---@class tg.crypto.ed25519
tg.crypto.ed25519 = {}
---@return string seed  32 bytes: the secret
---@return string public  32 bytes
function tg.crypto.ed25519.keypair() end
---@param seed string
---@param message string
---@return string  64 bytes
function tg.crypto.ed25519.sign(seed, message) end
---@param public string
---@param message string
---@param signature string
---@return boolean
function tg.crypto.ed25519.verify(public, message, signature) end

-- What is seen from outside -------------------------------------------------------------------------------------------

---@alias tg.Fields table<string, string|integer|number|boolean|tg.Decimal>

--- One JSON event a line; names are <module>_<thing>_<finished|retried|…>. Request and company are added.
---@class tg.log
tg.log = {}
---@param name string
---@param fields tg.Fields?
function tg.log.debug(name, fields) end
---@param name string
---@param fields tg.Fields?
function tg.log.info(name, fields) end
---@param name string
---@param fields tg.Fields?
function tg.log.warn(name, fields) end
---@param name string
---@param fields tg.Fields?
function tg.log.error(name, fields) end

---@class tg.metrics
tg.metrics = {}
--- Registers, while the module loads; the same again is the same metric.
---@param name string  [a-z0-9_], without "_total"
---@param help string
---@param labels string[]?  at most 4
function tg.metrics.counter(name, help, labels) end
---@param name string
---@param help string
---@param labels string[]?
function tg.metrics.gauge(name, help, labels) end
--- Of seconds.
---@param name string
---@param help string
---@param labels string[]?
function tg.metrics.histogram(name, help, labels) end
---@param name string
---@param values string[]|table<string, string>|nil  of the labels, in their order or by name
---@param n number?  1
function tg.metrics.inc(name, values, n) end
---@param name string
---@param values string[]|table<string, string>|nil
---@param n number
function tg.metrics.set(name, values, n) end
---@param name string
---@param values string[]|table<string, string>|nil
---@param seconds number
function tg.metrics.observe(name, values, seconds) end

--- Texts kept for a while by this thread and generation; never the truth.
---@class tg.cache
tg.cache = {}
---@param namespace string
---@param key string
---@return string?
function tg.cache.get(namespace, key) end
---@param namespace string
---@param key string
---@param value string
---@param ttl_ms integer  1 ms … one day
function tg.cache.put(namespace, key, value, ttl_ms) end
---@param namespace string
---@param key string
function tg.cache.drop(namespace, key) end
---@return {hits: integer, misses: integer, evicted: integer, n: integer, bytes: integer}
function tg.cache.stats() end
