--- The table `mails`.
local store = {}

local sql <const> = tg.db.declare({
  insert = {
    unscoped = "a letter is written for a company that its writer has checked, often before anybody is signed in",
    sql = [[
      INSERT INTO mails (id, company_id, recipient, subject, body, created_at)
      VALUES ({id:id}, {company:id}, {recipient}, {subject}, {body}, {now:time})]],
  },
  mail = {
    unscoped = "the system sends the letters of all companies",
    sql = "SELECT recipient, subject, body, created_at FROM mails WHERE id = {id:id} AND sent_at IS NULL",
  },
  sent = {
    unscoped = "the system sends the letters of all companies",
    sql = "UPDATE mails SET sent_at = {now:time}, body = NULL WHERE id = {id:id}",
  },
})

function store.insert(tx, mail)
  return tx:execute(sql.insert, mail)
end

--- What is to be sent; nil when it has been.
function store.mail(id)
  return tg.db.one(sql.mail, { id = id })
end

--- Sent: the text, which may hold a secret, goes.
function store.sent(id, now)
  return tg.db.execute(sql.sent, { id = id, now = now })
end

return store
