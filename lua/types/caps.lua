---@meta
--- What a rule is and what it may call: for the editors of those who write rules; never run. The names of Lua itself
--- that a rule may use are in lua/core/allow.lua.

---@class tg.Rule
---@field hook string  "pricing.rate_usage": one rule a hook
---@field api 1
---@field needs string[]?  capabilities ("decimal", "deck", "calendar", "text", "log") and "lib.<name>" of the same feature
---@field decide fun(input: table, cap: tg.Cap): table  pure: the same input gives the same result, everywhere
---@field cases tg.RuleCase[]?  golden cases

---@class tg.RuleCase
---@field name string
---@field input table
---@field deck tg.DeckRow[]?  the snapshot's deck, as tgcaps.deck takes it
---@field want table  what the result must have; decimals as their shortest text

---@class tg.Cap  exactly what `needs` names
---@field decimal tg.decimal
---@field deck tg.CapDeck
---@field calendar tg.CapCalendar
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
