---@meta
--- What a rule is and what it may call: for the editors of those who write rules; never run. The names of Lua itself
--- that a rule may use are in lua/core/allow.lua.

---@class tg.Rule
---@field hook string  "pricing.rate_usage": one rule a hook
---@field api 1
---@field needs string[]?  capabilities (the fields of tg.Cap), "lib.<name>" of the same feature, "lib.<feature>.<name>"
---@field decide fun(input: table, cap: tg.Cap): table  pure: the same input gives the same result, everywhere; types/hooks.lua
---@field cases tg.RuleCase[]?  golden cases

---@class tg.RuleCase
---@field name string
---@field input table
---@field deck tg.DeckRow[]?  the snapshot's deck, as tgcaps.deck takes it
---@field fx tg.FxTable?  the snapshot's exchange rates
---@field flags table<string, boolean|integer|string>?  the snapshot's flags
---@field want table  what the result must have; decimals as their shortest text
---@field error string?  instead of want: what the failure must say

---@class tg.Cap  exactly what `needs` names
---@field decimal tg.decimal
---@field money tg.CapMoney
---@field deck tg.CapDeck
---@field fx tg.CapFx
---@field calendar tg.CapCalendar
---@field flags tg.CapFlags
---@field text tg.CapText
---@field log tg.CapLog
---@field lib table<string, table>

---@class tg.DeckRow
---@field number integer  its place in the deck: tells rows apart
---@field prefix string
---@field per_minute tg.Decimal
---@field initial_s integer
---@field increment_s integer
---@field min_s integer
---@field connect_fee tg.Decimal?  absent: none
---@field blocked true?
---@field steps {after_s: integer, per_minute: tg.Decimal}[]?

---@class tg.CapDeck
local deck = {}
--- The row that prices calls to these digits at an instant (longest prefix, window, latest `from`), and the instant
--- until which the answer is the same. Raises when a row has a window that the plan has not.
---@param digits string
---@param at_us integer
---@param windows tg.Windows?
---@return tg.DeckRow? row
---@return integer? until_us  nil: for ever
function deck.find(digits, at_us, windows) end

---@class tg.Windows

---@class tg.CapCalendar
local calendar = {}
--- Reads the windows of a plan: { peak = { days = {1, 2}, from = "08:00", to = "20:00", priority = 1, holidays =
--- {"2026-12-25"} } }. Days are 1 (Monday) to 7; without days a window with holidays is for those only, one without for
--- every day; to <= from is over midnight. The priority is 2 for holidays and weekends, else 1.
---@param windows table<string, table>
---@param timezone string  IANA
---@return tg.Windows
function calendar.windows(windows, timezone) end
---@param windows tg.Windows
---@param name string
---@param at_us integer
---@return boolean open
---@return integer until_us
function calendar.is_open(windows, name, at_us) end
---@param at_us integer
---@param timezone string
---@return {year: integer, month: integer, day: integer, hour: integer, minute: integer, second: integer, weekday: integer, offset_s: integer}
function calendar.local_time(at_us, timezone) end

--- The local date, "2026-07-15".
---@param at_us integer
---@param timezone string
---@return string
function calendar.date(at_us, timezone) end
--- The first instant of a local day; where midnight does not occur, the end of the gap.
---@param day integer|string  an instant of the day, or its date
---@param timezone string
---@return integer at_us
function calendar.start_of_day(day, timezone) end
--- 1 (Monday) to 7.
---@param at_us integer
---@param timezone string
---@return integer
function calendar.weekday(at_us, timezone) end
--- The midnights between two instants; negative when `to_us` is earlier.
---@param from_us integer
---@param to_us integer
---@param timezone string
---@return integer
function calendar.days_between(from_us, to_us, timezone) end
--- The same time of the wall clock, n days on.
---@param at_us integer
---@param n integer
---@param timezone string
---@return integer at_us
function calendar.add_days(at_us, n, timezone) end
--- The same time of the wall clock, n months on; the last day stands in for one that the month has not.
---@param at_us integer
---@param n integer
---@param timezone string
---@param day integer?  of the month, 1 to 31; its own
---@return integer at_us
function calendar.add_months(at_us, n, timezone, day) end
--- The billing period that an instant lies in. Periods begin with the anchor (31 January, 28 February, 31 March), are
--- half open and tile, whatever the clock does.
---@param anchor_us integer
---@param unit "day"|"week"|"month"|"year"
---@param n integer  1 to 1000 units long
---@param timezone string
---@param at_us integer
---@return integer from_us
---@return integer to_us
---@return integer number  0 begins at the anchor
function calendar.period(anchor_us, unit, n, timezone, at_us) end

--- Amounts are whole numbers of the currency's minor unit. What does not fit 64 bits raises, and so does a float.
---@class tg.CapMoney
local money = {}
---@param ... integer
---@return integer
function money.add(...) end
---@param a integer
---@param b integer
---@return integer
function money.sub(a, b) end
---@param amount integer
---@param n integer
---@return integer
function money.mul(amount, n) end
--- 1900 basis points are 19 %.
---@param amount integer
---@param basis_points integer
---@param rounding tg.Rounding
---@return integer
function money.bp(amount, basis_points, rounding) end
---@param amount integer
---@param percent tg.Decimal|string|integer  "7.7"
---@param rounding tg.Rounding
---@return integer
function money.percent(amount, percent, rounding) end
--- n parts that differ by a unit at most, the larger first; their sum is the amount.
---@param amount integer
---@param n integer  1 to 1000
---@return integer[]
function money.split(amount, n) end
--- A part for each weight; what rounding leaves over goes to those who lost most by it. Their sum is the amount.
---@param amount integer
---@param weights integer[]  not negative, one above 0
---@return integer[]
function money.allocate(amount, weights) end
--- The places of the currency's minor unit (ISO 4217): 2, JPY 0, KWD 3.
---@param currency string
---@return integer
function money.exponent(currency) end
---@param value tg.Decimal|string|integer
---@param currency string
---@param rounding tg.Rounding
---@return integer minor
function money.from_decimal(value, currency, rounding) end
---@param minor integer
---@param currency string
---@return tg.Decimal
function money.to_decimal(minor, currency) end

---@class tg.FxTable
---@field base string  1 of it is what each rate says
---@field days table<string, table<string, string>>  ["2026-04-13"] = { USD = "1.1684" }

--- The last rate on or before the day (of an instant: its UTC date), at most seven days old; between two currencies
--- through the base, both of one day (rating.md R23).
---@class tg.CapFx
local fx = {}
---@param from string
---@param to string
---@param at integer|string  an instant or a date
---@return tg.Decimal? rate
---@return string date_or_why  of the rate; without one "fx_stale" or "fx_unknown"
function fx.rate(from, to, at) end
--- Rounded half even, once, and not made from the rounded rate.
---@param amount tg.Decimal|string|integer
---@param from string
---@param to string
---@param at integer|string
---@param places integer?  6
---@return tg.Decimal? amount
---@return {rate: tg.Decimal, date: string}|string how_or_why
function fx.convert(amount, from, to, at, places) end

---@class tg.CapFlags
local flags = {}
--- Whether it is true: one that nobody set is off.
---@param name string
---@return boolean
function flags.is_on(name) end
---@param name string
---@return boolean|integer|string|nil
function flags.get(name) end

---@class tg.CapText
local text = {}
---@param value string
---@param start string
---@return boolean
function text.starts_with(value, start) end
---@param value string
---@param characters string
---@return string  without any of the characters
function text.without(value, characters) end
---@param value string
---@return boolean  one or more of 0-9 and nothing else
function text.is_digits(value) end
---@param value string
---@return string
function text.trim(value) end
---@param value string
---@return string  A-Z lowered, in any locale
function text.lower(value) end
---@param value string
---@param separator string  plain text
---@return string[]  at most 1000
function text.split(value, separator) end

---@class tg.CapLog  at most ten lines a call
local log = {}
---@param message string
function log.info(message) end
---@param message string
function log.warn(message) end
---@param message string
function log.debug(message) end
