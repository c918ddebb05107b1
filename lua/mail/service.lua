--- Letters. One is written in the transaction of what it tells of, and sent by a job once that has committed: at least
-- once, since a mail server may take a letter and its answer may be lost.
local jobs = require("jobs.service")
local store = require("mail.store")

local service = {}

--- Writes a letter.
---@param tx table
---@param letter {company: string, recipient: string, subject: string, body: string}
---@return string? id, table? err
function service.send(tx, letter)
  local id = tg.id.new("mail")
  local done, err = store.insert(tx, {
    id = id, company = letter.company, recipient = letter.recipient, subject = letter.subject, body = letter.body,
    now = tg.time.now(),
  })
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
  local taken
  taken, err = tg.mail.send({
    id = id, to = letter.recipient, subject = letter.subject, body = letter.body, date = letter.created_at,
  })
  if not taken then
    err.retry = err.code ~= "input" -- what is refused for good is not tried again
    return nil, err
  end
  return store.sent(id, tg.time.now())
end

return service
