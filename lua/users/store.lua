--- SQL of people, their roles and the links that are sent to them.
local errors = require("core.errors")
local page = require("core.page")

local store = {}

local USER_COLUMNS <const> = [[
  SELECT u.id AS `id:usr`, u.company_id AS `company:co`, u.email, u.name, u.status, u.created_at, u.updated_at,
         u.last_login_at,
         (SELECT MAX(l.created_at) FROM user_links l WHERE l.user_id = u.id AND l.purpose = 'invite') AS invited_at ]]
local USER_ROWS <const> = [[
  FROM company_tree t JOIN users u ON u.company_id = t.descendant_id
 WHERE t.ancestor_id = {scope} ]]
local USER <const> = USER_COLUMNS .. USER_ROWS

local ROLE_COLUMNS <const> = [[
  SELECT r.id AS `id:rol`, r.company_id AS `company:co`, r.name, r.permissions AS `permissions:json`, r.created_at,
         r.updated_at ]]
local ROLE_ROWS <const> = [[
  FROM company_tree t JOIN roles r ON r.company_id = t.descendant_id
 WHERE t.ancestor_id = {scope} ]]
local ROLE <const> = ROLE_COLUMNS .. ROLE_ROWS

local users <const> = page.declare("users", {
  columns = USER_COLUMNS, id = "u.id", name = "u.name",
  rows = USER_ROWS .. [[
     AND ({company:id} IS NULL OR u.company_id = {company:id})
     AND ({status} IS NULL OR u.status = {status})
     AND ({q} IS NULL OR u.name LIKE {q} ESCAPE '|' OR u.email_folded LIKE LOWER({q}) ESCAPE '|')]],
})
local roles <const> = page.declare("roles", {
  columns = ROLE_COLUMNS, id = "r.id", name = "r.name",
  rows = ROLE_ROWS .. [[
     AND ({company:id} IS NULL OR r.company_id = {company:id}) AND ({q} IS NULL OR r.name LIKE {q} ESCAPE '|')]],
})

local SELF <const> = "who asks has proved to be this user, wherever they act"
local NOBODY <const> = "nobody is signed in yet: the link itself says whose it is"

local sql <const> = tg.db.declare({
  user = USER .. "AND u.id = {id:id}",
  own_user = {
    unscoped = SELF,
    sql = "SELECT u.id AS `id:usr`, u.company_id AS `company:co`, u.email, u.name FROM users u WHERE u.id = {id:id}",
  },
  insert_user = [[
    INSERT INTO users (company_id, id, email, email_folded, name, status, created_at, updated_at)
    SELECT t.descendant_id, {id:id}, {email}, {folded}, {name}, 'invited', {now:time}, {now:time}
      FROM company_tree t WHERE t.ancestor_id = {scope} AND t.descendant_id = {company:id}]],
  update_user = [[
    UPDATE users u JOIN company_tree t ON t.ancestor_id = {scope} AND t.descendant_id = u.company_id
       SET u.name = {name}, u.status = {status}, u.updated_at = {now:time}
     WHERE u.id = {id:id} AND ({expected:time} IS NULL OR u.updated_at = {expected:time})]],
  end_sessions = [[
    UPDATE sessions s JOIN company_tree t ON t.ancestor_id = {scope} AND t.descendant_id = s.company_id
       SET s.revoked_at = {now:time} WHERE s.user_id = {user:id} AND s.revoked_at IS NULL]],

  -- Of a company and those below, but the one that asks for it.
  end_all_sessions = [[
    UPDATE sessions s JOIN company_tree b ON b.ancestor_id = {company:id} AND b.descendant_id = s.company_id
      JOIN company_tree t ON t.ancestor_id = {scope} AND t.descendant_id = {company:id}
       SET s.revoked_at = {now:time} WHERE s.revoked_at IS NULL AND ({except:id} IS NULL OR s.id <> {except:id})]],

  role = ROLE .. "AND r.id = {id:id}",
  insert_role = [[
    INSERT INTO roles (company_id, id, name, permissions, created_at, updated_at)
    SELECT t.descendant_id, {id:id}, {name}, {permissions:json}, {now:time}, {now:time}
      FROM company_tree t WHERE t.ancestor_id = {scope} AND t.descendant_id = {company:id}]],
  update_role = [[
    UPDATE roles r JOIN company_tree t ON t.ancestor_id = {scope} AND t.descendant_id = r.company_id
       SET r.name = {name}, r.permissions = {permissions:json}, r.updated_at = {now:time}
     WHERE r.id = {id:id} AND ({expected:time} IS NULL OR r.updated_at = {expected:time})]],
  delete_role = [[
    DELETE r FROM roles r JOIN company_tree t ON t.ancestor_id = {scope} AND t.descendant_id = r.company_id
     WHERE r.id = {id:id} AND NOT EXISTS (SELECT 1 FROM role_assignments a WHERE a.role_id = r.id)]],
  -- A role holds in the company that made it and below.
  role_usable_in = ROLE .. [[
     AND r.id = {id:id} AND EXISTS (
       SELECT 1 FROM company_tree w WHERE w.ancestor_id = r.company_id AND w.descendant_id = {company:id})]],

  assignments = [[
    SELECT a.company_id AS `company:co`, a.role, a.role_id AS `role_id:rol`, r.name AS role_name
      FROM company_tree t JOIN users u ON u.company_id = t.descendant_id
      JOIN role_assignments a ON a.user_id = u.id LEFT JOIN roles r ON r.id = a.role_id
     WHERE t.ancestor_id = {scope} AND u.id = {user:id} ORDER BY a.company_id, a.role, a.role_id LIMIT 200]],
  insert_assignment = [[
    INSERT IGNORE INTO role_assignments (user_id, company_id, role, role_id, created_at)
    SELECT {user:id}, t.descendant_id, {role}, {role_id:id}, {now:time}
      FROM company_tree t WHERE t.ancestor_id = {scope} AND t.descendant_id = {company:id}]],
  delete_assignments = [[
    DELETE a FROM role_assignments a JOIN company_tree t ON t.ancestor_id = {scope} AND t.descendant_id = a.company_id
     WHERE a.user_id = {user:id}]],
  -- What somebody may do in a company: by the roles held there or above it.
  held = {
    unscoped = "of one user in one company: both are known to whoever asks",
    sql = [[
      SELECT a.role, a.role_id AS `role_id:rol`, r.name AS role_name, r.permissions AS `permissions:json`,
             a.company_id AS `company:co`
        FROM company_tree t JOIN role_assignments a ON a.company_id = t.ancestor_id
        LEFT JOIN roles r ON r.id = a.role_id
       WHERE t.descendant_id = {company:id} AND a.user_id = {user:id} LIMIT 200]],
  },
  holders = [[
    SELECT a.user_id AS `user:usr`, a.role, r.permissions AS `permissions:json`
      FROM company_tree t JOIN role_assignments a ON a.company_id = t.ancestor_id
      JOIN users u ON u.id = a.user_id LEFT JOIN roles r ON r.id = a.role_id
     WHERE t.descendant_id = {scope} AND u.status = 'active' LIMIT 10000]],

  insert_link = {
    unscoped = NOBODY,
    sql = [[
      INSERT INTO user_links (hash, user_id, purpose, created_at, expires_at)
      VALUES ({hash:hex}, {user:id}, {purpose}, {now:time}, {expires_at:time})]],
  },
  link = {
    unscoped = NOBODY,
    sql = [[
      SELECT l.purpose, l.expires_at, l.used_at, u.id AS `user:usr`, u.company_id AS `company:co`, u.email, u.name,
             u.status, c.status AS company_status
        FROM user_links l JOIN users u ON u.id = l.user_id JOIN companies c ON c.id = u.company_id
       WHERE l.hash = {hash:hex}]],
  },
  -- The link alone: a join would lock the user and the company, too.
  lock_link = { unscoped = NOBODY, sql = "SELECT used_at FROM user_links WHERE hash = {hash:hex} FOR UPDATE" },
  count_links = {
    unscoped = NOBODY,
    sql = "SELECT COUNT(*) AS n FROM user_links WHERE user_id = {user:id} AND created_at > {since:time}",
  },
  use_links = {
    unscoped = NOBODY,
    sql = "UPDATE user_links SET used_at = {now:time} WHERE user_id = {user:id} AND used_at IS NULL",
  },
  delete_links = {
    unscoped = "links that are past are of no use to any company",
    sql = "DELETE FROM user_links WHERE expires_at < {before:time} LIMIT {limit}",
  },
  set_password = {
    unscoped = NOBODY,
    sql = [[
      UPDATE users SET password_hash = {hash}, status = 'active', updated_at = {now:time} WHERE id = {user:id}]],
  },
  revoke_sessions = {
    unscoped = NOBODY,
    sql = [[
      UPDATE sessions SET revoked_at = {now:time}
       WHERE user_id = {user:id} AND revoked_at IS NULL AND ({except:id} IS NULL OR id <> {except:id})]],
  },
  by_email = {
    unscoped = "somebody says who they are; nothing of it is shown before they have proved it",
    sql = [[
      SELECT u.id AS `id:usr`, u.company_id AS `company:co`, u.email, u.name, u.status, u.password_hash,
             c.status AS company_status
        FROM users u JOIN companies c ON c.id = u.company_id WHERE u.email_folded = {folded}]],
  },
})

local NO_ROLE <const> = tg.id.format(("\0"):rep(16), "rol")

-- Inside a transaction what is read must be read through it.
local function one(tx, statement, args)
  if tx then
    return tx:one(statement, args)
  end
  return tg.db.one(statement, args)
end

function store.user(id, tx)
  return one(tx, sql.user, { id = id })
end

--- Whoever asks, also when they act for a company below their own.
function store.own_user(id)
  return tg.db.one(sql.own_user, { id = id })
end

function store.users(filter)
  return users(filter, { company = filter.company, status = filter.status })
end

function store.insert_user(tx, user)
  return tx:execute(sql.insert_user, user)
end

function store.update_user(tx, user)
  return tx:execute(sql.update_user, user)
end

function store.end_sessions(tx, user, now)
  return tx:execute(sql.end_sessions, { user = user, now = now })
end

function store.role(id, tx)
  return one(tx, sql.role, { id = id })
end

function store.role_usable_in(id, company, tx)
  return one(tx, sql.role_usable_in, { id = id, company = company })
end

function store.roles(filter)
  return roles(filter, { company = filter.company })
end

function store.insert_role(tx, role)
  return tx:execute(sql.insert_role, role)
end

function store.update_role(tx, role)
  return tx:execute(sql.update_role, role)
end

function store.delete_role(tx, id)
  return tx:execute(sql.delete_role, { id = id })
end

-- role_id is nil where the role is built in.
local function clean_assignments(rows, err)
  if not rows then
    return nil, err
  end
  for _, row in ipairs(rows) do
    row.role_id = row.role == "" and row.role_id or nil
  end
  return rows
end

function store.assignments(user)
  return clean_assignments(tg.db.query(sql.assignments, { user = user }))
end

--- Puts these roles in the place of all that the user has in the caller's company and below.
---@param list {company: string, role: string?, role_id: string?}[]
function store.replace_assignments(tx, user, list, now)
  local done, err = tx:execute(sql.delete_assignments, { user = user })
  for _, entry in ipairs(list) do
    if not done then
      break
    end
    done, err = tx:execute(sql.insert_assignment, {
      user = user, company = entry.company, role = entry.role or "", role_id = entry.role_id or NO_ROLE, now = now,
    })
    if done == 0 then
      return nil, errors.input("/roles", ("%s is not a company of yours"):format(entry.company))
    end
  end
  return done, err
end

---@return {role: string, role_name: string?, permissions: string[]?, company: string}[]?, table? err
function store.held(user, company)
  return tg.db.query(sql.held, { user = user, company = company })
end

function store.holders()
  return tg.db.query(sql.holders)
end

function store.insert_link(tx, link)
  return tx:execute(sql.insert_link, link)
end

--- In a transaction it is locked.
---@param tx table?
function store.link(tx, hash)
  if tx then
    local _, err = tx:one(sql.lock_link, { hash = hash })
    if err then
      return nil, err
    end
  end
  return one(tx, sql.link, { hash = hash })
end

--- How many letters with a code somebody has got since then.
---@return integer? n, table? err
function store.count_links(user, since)
  local row, err = tg.db.one(sql.count_links, { user = user, since = since })
  return row and row.n, err
end

--- Sets the password, ends every session and takes every other link of the user away.
function store.choose_password(tx, user, hash, now)
  local done, err = tx:execute(sql.set_password, { user = user, hash = hash, now = now })
  if done then
    done, err = tx:execute(sql.use_links, { user = user, now = now })
  end
  if done then
    done, err = tx:execute(sql.revoke_sessions, { user = user, now = now })
  end
  return done, err
end

function store.by_email(folded)
  return tg.db.one(sql.by_email, { folded = folded })
end

--- A new password of somebody who is signed in: the other sessions end.
function store.change_password(tx, user, hash, session, now)
  local done, err = tx:execute(sql.set_password, { user = user, hash = hash, now = now })
  if done then
    done, err = tx:execute(sql.revoke_sessions, { user = user, now = now, except = session })
  end
  return done, err
end

--- Everybody's, of a company and those below.
---@return integer? ended, table? err
function store.end_all_sessions(tx, company, session, now)
  return tx:execute(sql.end_all_sessions, { company = company, except = session, now = now })
end

--- All but one.
function store.end_other_sessions(tx, user, session, now)
  return tx:execute(sql.revoke_sessions, { user = user, now = now, except = session })
end

function store.delete_links(before, limit)
  return tg.db.execute(sql.delete_links, { before = before, limit = limit })
end

return store
