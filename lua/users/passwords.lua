--- Which passwords nobody may choose (NIST SP 800-63B, ASVS 6.1.2, 6.2.4, 6.2.11): the most used ones, what is said of
-- the person or of us and little else, and what is no more than a few characters over and over. Beyond that length is
-- all that is asked for.
local errors = require("core.errors")
local known = require("users.known_passwords")

local passwords = {}

local OWN_WORDS <const> = { "tollgate" }
local WORD_MIN <const> = 3 -- shorter parts of a name or an address say nothing
local REST_MIN <const> = 6 -- characters beside the words
local DIFFERENT_MIN <const> = 5

local function is_known(lower)
  local hash <const> = tg.crypto.sha256(lower):sub(1, known.size)
  local low, high = 0, #known.hashes // known.size - 1
  while low <= high do
    local middle = (low + high) // 2
    local there = known.hashes:sub(middle * known.size + 1, (middle + 1) * known.size)
    if there == hash then
      return true
    elseif there < hash then
      low = middle + 1
    else
      high = middle - 1
    end
  end
  return false
end

-- What is left without the words that anybody would try for this person.
local function without_words(lower, person)
  local words = { table.unpack(OWN_WORDS) }
  for word in (person.email .. " " .. person.name):lower():gmatch("[^%s@._%-+]+") do
    words[#words + 1] = #word >= WORD_MIN and word or nil
  end
  for _, word in ipairs(words) do
    local from, to = lower:find(word, 1, true)
    while from do
      lower = lower:sub(1, from - 1) .. lower:sub(to + 1)
      from, to = lower:find(word, 1, true)
    end
  end
  return lower
end

local function count_different(text)
  local seen, n = {}, 0
  for _, code in utf8.codes(text) do
    n = n + (seen[code] and 0 or 1)
    seen[code] = true
  end
  return n
end

--- May this person choose it?
---@param password string
---@param person {email: string, name: string}
---@param pointer string where it stands in the body
---@return true? may, table? err
function passwords.check(password, person, pointer)
  local lower <const> = password:lower()
  if is_known(lower) then
    return nil, errors.input(pointer, "is one of the most used passwords: choose another")
  elseif count_different(password) < DIFFERENT_MIN then
    return nil, errors.input(pointer, "is a few characters over and over: choose another")
  end
  local rest <const> = without_words(lower, person)
  if #rest < REST_MIN then
    return nil, errors.input(pointer, "is little more than your name, your address or ours: choose another")
  end
  return true
end

return passwords
