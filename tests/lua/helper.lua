--- Loaded by busted before any spec: a stand-in `tg` whose database is a script.
--
--   local script = require("helper")
--   script.expect("company", { name = "Acme" })                    one statement and its answer
--   script.expect("insert_key", 1, nil, function(args) … end)      and a look at what was bound
--   script.finish()                                                nothing expected is left
--
-- A statement that was not expected is an error in the spec that ran it, and so is one in the wrong order.
local tg_stand_in = require("fake_tg")

local script = { steps = {}, audited = {}, declared = {}, in_transaction = false }

-- What the audit log gets is kept beside the script, so that not every spec of a write must expect it.
local function run(statement, args)
  if statement.name == "record_audit" then
    script.audited[#script.audited + 1] = args
    return 1
  end
  local step = table.remove(script.steps, 1)
  if not step then
    error(("statement %s was not expected"):format(statement.name), 3)
  elseif step.name ~= statement.name then
    error(("statement %s ran where %s was expected"):format(statement.name, step.name), 3)
  end
  if step.check then
    step.check(args or {})
  end
  return step.answer, step.err
end

local function declare(list)
  local statements = {}
  for name, text in pairs(list) do
    local sql = type(text) == "table" and text.sql or text
    local unscoped = type(text) == "table" and text.unscoped
    assert(sql:find("{scope}", 1, true) or unscoped, name .. ": a statement has {scope} or says why not")
    statements[name] = { name = name, sql = sql, unscoped = unscoped }
    script.declared[name] = statements[name]
  end
  return statements
end

local tx = {}
for _, verb in ipairs({ "query", "one", "execute", "bulk" }) do
  tx[verb] = function(_, statement, args)
    return run(statement, args)
  end
end

-- Inside a transaction everything goes through it; a statement beside it would not be undone with it.
local function outside(statement, args)
  assert(not script.in_transaction, statement.name .. " runs outside the transaction that is open")
  return run(statement, args)
end

-- Under `tollgate busted` there is a real tg: its database, its clock and what waits for a worker are replaced, the
-- rest is kept.
_G.tg = _G.tg or tg_stand_in
tg.time.now = tg_stand_in.time.now
tg.secrets = tg_stand_in.secrets
tg.mail = tg.mail or tg_stand_in.mail
tg.crypto.argon2id, tg.crypto.argon2id_verify = tg_stand_in.crypto.argon2id, tg_stand_in.crypto.argon2id_verify
tg.db = {
  declare = declare, query = outside, one = outside, execute = outside, bulk = outside,
  transaction = function(body)
    assert(not script.in_transaction, "a transaction inside a transaction")
    script.in_transaction = true
    local answer, err = body(tx)
    script.in_transaction = false
    return answer, err
  end,
}
--- The next statement, by its name in the store, and what it answers.
---@param name string
---@param answer any rows, a row or a number
---@param err table?
---@param check fun(args: table)?
function script.expect(name, answer, err, check)
  script.steps[#script.steps + 1] = { name = name, answer = answer, err = err, check = check }
end

--- Forgets what is left, and says whether anything was.
function script.finish()
  local left = script.steps[1]
  script.steps, script.audited, script.in_transaction = {}, {}, false
  assert(not left, left and ("statement %s was expected and did not run"):format(left.name))
end

--- A request as the web layer hands it to a handler.
---@param options table? {params, query, body, bytes, headers, principal}
function script.request(options)
  local o = options or {}
  return {
    id = "req-1", method = o.method or "GET", path = o.path or "/", params = o.params or {}, query = o.query or {},
    principal = o.principal or { company = script.ids.own, actor = script.ids.key },
    remote = o.remote or "192.0.2.1",
    header = function(_, name)
      return (o.headers or {})[name]
    end,
    json = function()
      if o.body == nil then
        return nil, { code = "input", status = 400, detail = "not JSON" }
      end
      return o.body
    end,
    body = o.text or "",
    write = function(self, text, headers)
      if o.leaves then
        return nil, { code = "input", detail = "the client has left" }
      end
      self.written, self.head = (self.written or "") .. text, headers
      return true
    end,
    take_body = function()
      return o.bytes
    end,
  }
end

script.ids = {
  own = tg.id.new("co"), child = tg.id.new("co"), key = tg.id.new("key"),
  deck = tg.id.new("deck"), wallet = tg.id.new("wal"), usage = tg.id.new("usg"), user = tg.id.new("usr"),
  role = tg.id.new("rol"), session = tg.id.new("ses"),
}

package.loaded.helper = script
return script
