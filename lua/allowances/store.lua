--- SQL of free seconds. What is left of them the ledger engine writes, and a correction.
local store = {}

local ALLOWANCE <const> = [[
  SELECT a.id AS `id:alw`, a.company_id AS `company:co`, a.granted_s, a.remaining_s, a.priority,
         a.prefixes AS `prefixes:json`, a.starts_at, a.expires_at, a.note, a.created_at
    FROM company_tree t STRAIGHT_JOIN allowances a ON a.company_id = t.descendant_id
   WHERE t.ancestor_id = {scope} ]]

local sql <const> = tg.db.declare({
  allowance = ALLOWANCE .. "AND a.id = {id:id}",
  allowances_of_company = ALLOWANCE .. [[
     AND t.descendant_id = {company:id} AND ({before:id} IS NULL OR a.id < {before:id})
   ORDER BY a.id DESC LIMIT {limit}]],
  -- A scalar subquery, because an EXISTS may become a join over all of them.
  next_company_with_allowances = [[
    SELECT t.descendant_id AS `company:co` FROM company_tree t
     WHERE t.ancestor_id = {scope} AND ({after:id} IS NULL OR t.descendant_id > {after:id})
       AND (SELECT 1 FROM allowances a WHERE a.company_id = t.descendant_id LIMIT 1) = 1
     ORDER BY t.descendant_id LIMIT 1]],
  count_usable = [[
    SELECT COUNT(*) AS n FROM company_tree t STRAIGHT_JOIN allowances a ON a.company_id = t.descendant_id
     WHERE t.ancestor_id = {scope} AND t.descendant_id = {company:id} AND a.remaining_s > 0
       AND (a.expires_at IS NULL OR a.expires_at > {now:time})]],
  insert_allowance = [[
    INSERT INTO allowances (company_id, id, granted_s, remaining_s, priority, prefixes, starts_at, expires_at, note,
                            created_at)
    SELECT t.descendant_id, {id:id}, {seconds}, {seconds}, {priority}, {prefixes:json}, {starts_at:time},
           {expires_at:time}, {note}, {now:time}
      FROM company_tree t WHERE t.ancestor_id = {scope} AND t.descendant_id = {company:id}]],
  -- The engine looks for them only where it says so.
  note_allowances = [[
    UPDATE companies c JOIN company_tree t ON t.ancestor_id = {scope} AND t.descendant_id = c.id
       SET c.has_allowances = 1 WHERE c.id = {company:id}]],
})

--- An allowance of the own company or one below.
---@param tx table? of the transaction that is open
function store.allowance(id, tx)
  if tx then
    return tx:one(sql.allowance, { id = id })
  end
  return tg.db.one(sql.allowance, { id = id })
end

--- The allowances of a company, the newest first.
---@param before string? the last that was shown
function store.allowances_of_company(company, before, limit)
  return tg.db.query(sql.allowances_of_company, { company = company, before = before, limit = limit })
end

--- The first company after `after` that has any.
function store.next_company_with_allowances(after)
  return tg.db.one(sql.next_company_with_allowances, { after = after })
end

--- How many of a company's have something left and are not over.
---@return integer? n, table? err
function store.count_usable(tx, company, now)
  local row, err = tx:one(sql.count_usable, { company = company, now = now })
  return row and row.n, err
end

---@return integer? affected, table? err
function store.insert(tx, allowance)
  local done, err = tx:execute(sql.insert_allowance, allowance)
  if not done then
    return nil, err
  end
  return tx:execute(sql.note_allowances, { company = allowance.company })
end

return store
