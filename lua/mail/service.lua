--- Letters. One is written in the transaction of what it tells of, and sent by a job once that has committed: at least
-- once, since a mail server may take a letter and its answer may be lost.
local jobs = require("jobs.service")
local secrets = require("secrets.service")
local store = require("mail.store")

local service = {}

local SEALED <const> = "sealed:" -- what a letter begins with that waits under the master key

-- A letter may hold a code. Until it is sent, and then it is gone (store.sent), a copy of the database gives none away.
local function seal(id, body)
  local sealed, err = secrets.seal(body, "mail/" .. id)
  if sealed then
    return SEALED .. sealed
  elseif err.type == "master_key_missing" then
    return body
  end
  return nil, err
end

local function unseal(id, body)
  if body:sub(1, #SEALED) ~= SEALED then
    return body
  end
  local text <const> = secrets.unseal(body:sub(#SEALED + 1), "mail/" .. id)
  if not text then
    return nil, { code = "upstream", detail = "the letter was sealed under a master key that is not there" }
  end
  return text
end

--- Writes a letter.
---@param tx table
---@param letter {company: string, recipient: string, subject: string, body: string}
---@return string? id, table? err
function service.send(tx, letter)
  local id = tg.id.new("mail")
  local body, err = seal(id, letter.body)
  local done
  if body then
    done, err = store.insert(tx, {
      id = id, company = letter.company, recipient = letter.recipient, subject = letter.subject, body = body,
      now = tg.time.now(),
    })
  end
  if done then
    done, err = jobs.enqueue(tx, { handler = "mail.jobs:deliver", arguments = { id = id }, attempts_max = 12 })
  end
  return done and id, err
end

--- Hands a letter to the mail server.
---@param id string
---@return true?, table? err
function service.deliver(id)
  local letter, err = store.mail(id)
  if err then
    return nil, err
  elseif not letter then
    return true -- an earlier attempt got through
  end
  local body, taken
  body, err = unseal(id, letter.body)
  if body then
    taken, err = tg.mail.send({
      id = id, to = letter.recipient, subject = letter.subject, body = body, date = letter.created_at,
    })
  end
  if not taken then
    err.retry = err.code ~= "input" -- what is refused for good is not tried again
    return nil, err
  end
  return store.sent(id, tg.time.now())
end

return service
