--- Slows guessing down without a lock that a stranger could turn on somebody.
-- Failures are counted by what an attacker cannot choose freely: the address they come from, and that address together
-- with the e-mail address tried. Who is somewhere else is never held up by them. After the free attempts each further
-- one waits twice as long, at most fifteen minutes; a quarter of an hour without a failure forgets.
local store = require("sessions.store")

local throttle = {}

local FREE_OF_PAIR <const> = 5 -- attempts on one account from one address
local FREE_OF_FACTOR <const> = 100 -- second factors of one user, from anywhere: who tries them knows the password
local FREE_OF_ADDRESS <const> = 50 -- on any accounts: a whole office may sit behind one address

local function groups_of(text)
  local groups = {}
  for group in text:gmatch("%x+") do
    groups[#groups + 1] = group
  end
  return groups
end

-- Of an IPv6 address the network: a customer has 2^64 others in it. What "::" leaves out is zeros; an IPv4 address
-- inside of one is what it is.
local function network(address)
  local v4 = address:match("^::ffff:(%d+%.%d+%.%d+%.%d+)$")
  if v4 or not address:find(":", 1, true) then
    return v4 or address
  end
  local head, tail = address:match("^(.-)::(.*)$")
  local groups, behind = groups_of(head or address), groups_of(tail or "")
  for _ = 1, head and 8 - #groups - #behind or 0 do
    groups[#groups + 1] = "0"
  end
  table.move(behind, 1, #behind, #groups + 1, groups)
  return table.concat(groups, ":", 1, math.min(#groups, 4)) .. "::/64"
end

local function hash(...)
  return tg.crypto.hex(tg.crypto.sha256(table.concat({ ... }, "\0")))
end

--- The buckets of an attempt.
---@param folded string the e-mail address, folded
---@param address string
function throttle.buckets(folded, address)
  local net <const> = network(address)
  return {
    { hash = hash("pair", net, folded), free = FREE_OF_PAIR }, { hash = hash("address", net), free = FREE_OF_ADDRESS },
  }
end

--- The buckets of asking for a letter with a code, which nothing gives back.
---@param folded string the e-mail address, folded
---@param address string
function throttle.letter_buckets(folded, address)
  local net <const> = network(address)
  return {
    { hash = hash("letter", net, folded), free = FREE_OF_PAIR },
    { hash = hash("letters", net), free = FREE_OF_ADDRESS },
  }
end

--- The buckets of an attempt at a second factor.
---@param user string
---@param address string
function throttle.factor_buckets(user, address)
  local list = throttle.buckets("factor " .. user, address)
  list[3] = { hash = hash("factor", user), free = FREE_OF_FACTOR }
  return list
end

local function refuse(bucket, now)
  local row, err = store.failure(bucket.hash)
  if err then
    return nil, err
  end
  local wait_us = row and store.wait_us(row.failures, bucket.free) or 1000000
  local left = row and row.last_at + wait_us - now or 0
  return nil, {
    code = "busy", status = 429, type = "too_many_attempts", retry_after = math.max(1, (left + 999999) // 1000000),
    detail = "Too many attempts: try again later.",
  }
end

--- Takes an attempt from each bucket, or says how long to wait. It counts as a failure until it has succeeded, so that
--- a thousand at once are a thousand, too.
---@return boolean? may, table? err
function throttle.enter(buckets, now)
  for _, bucket in ipairs(buckets) do
    local taken, err = store.take_attempt(bucket.hash, bucket.free, now)
    if err then
      return nil, err
    elseif not taken then
      return refuse(bucket, now)
    end
  end
  return true
end

--- Who got in is no guesser; the others get this one attempt back and no more.
function throttle.succeeded(buckets)
  local done, err = store.forget_failures(buckets[1].hash)
  for i = 2, #buckets do
    if done then
      done, err = store.give_back(buckets[i].hash)
    end
  end
  return done, err
end

return throttle
