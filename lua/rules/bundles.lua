--- Bundles: sets of rule files, immutable, under the hash of what they hold.
-- The release brings rules of its own, which decide while no bundle is active: they are a bundle without a row.
local audit = require("audit.service")
local diff = require("rules.diff")
local errors = require("core.errors")
local hooks = require("core.hooks")
local operations = require("operations.service")
local store = require("rules.store")

local bundles = {}

local null <const> = tg.json.null

-- The release's own rules, as a bundle.
local function release()
  local own, err = tg.rules.release()
  if not own then
    return nil, err
  end
  return {
    id = own.id, files = own.files, hooks = own.hooks, note = "The rules of the release.", is_release = true,
  }
end

--- The bundle of a name: its id, "active" or "release". Of the release's own there is no row.
---@param name string
---@return table? bundle {id, parent?, author?, note, hooks, created_at?, is_release?}, table? err
function bundles.bundle(name)
  if name == "active" then
    local slot, err = store.slot("active")
    if not slot then
      return nil, err
    end
    name = slot.bundle or "release"
  end
  if name == "release" then
    return release()
  end
  local bundle, err = store.bundle(name)
  if err then
    return nil, err
  end
  local own = release()
  if own and own.id == name then
    if not bundle then
      return own
    end
    bundle.hooks = own.hooks -- a release's row, which the rule keeper writes, does not say
  end
  if not bundle then
    return nil, errors.not_found("bundle")
  end
  return bundle
end

--- The files of a bundle, by path.
---@return {path: string, source: string}[]? files, table? err
function bundles.files(bundle)
  if bundle.is_release then
    return bundle.files
  end
  return store.files(bundle.id)
end

--- The bundle that a field of the input names.
---@param name string
---@param pointer string of the field
---@return table? bundle, table? err
function bundles.named(name, pointer)
  local bundle, err = bundles.bundle(name)
  if not bundle and err.code == "not_found" then
    err = errors.input(pointer, "is not a bundle that was published")
  end
  return bundle, err
end

--- The same with its files.
function bundles.named_with_files(name, pointer)
  local bundle, err = bundles.named(name, pointer)
  if not bundle then
    return nil, err
  end
  bundle.files, err = bundles.files(bundle)
  if not bundle.files then
    return nil, err
  end
  return bundle
end

function bundles.list(filter)
  return store.bundles(filter)
end

-- The files a request means: its own laid over those of the base. A file whose source is null is left out.
local function lay_over(base, given)
  local by_path, faults = {}, {}
  for _, file in ipairs(base) do
    by_path[file.path] = file.source
  end
  for i, file in ipairs(given) do
    if file.source ~= tg.json.null then
      by_path[file.path] = file.source
    elseif by_path[file.path] then
      by_path[file.path] = nil
    else
      faults[#faults + 1] = { pointer = ("/files/%d/path"):format(i - 1), detail = "is not a file of the base" }
    end
  end
  if faults[1] then
    return nil, errors.faults(faults)
  end
  local files = tg.json.array({})
  for path, source in pairs(by_path) do
    files[#files + 1] = { path = path, source = source }
  end
  table.sort(files, function(a, b)
    return a.path < b.path
  end)
  return files
end

-- The base and all files of a request that gives some.
local function assemble(input)
  local base = { files = {} }
  if input.base ~= "none" then
    local named, err = bundles.named_with_files(input.base or "active", "/base")
    if not named then
      return nil, err
    end
    base = named
  end
  local files, err = lay_over(base.files, input.files)
  if not files then
    return nil, err
  end
  return { base = base, files = files }
end

-- What the check found, each where it stands in the request; a file of the base is nobody's field.
local function refused(found, given)
  local places, list = {}, tg.json.array({})
  for i, file in ipairs(given) do
    places[file.path] = ("/files/%d/source"):format(i - 1)
  end
  for i, fault in ipairs(found) do
    list[i] = {
      pointer = places[fault.path] or "/files", path = fault.path, line = fault.line, what = fault.what,
      message = fault.message, detail = fault.message,
    }
  end
  local first = list[1]
  local at = first.path ~= null and first.path .. (first.line ~= null and ":" .. first.line or "") .. ": " or ""
  local more = #list > 1 and (", and %d more: see errors"):format(#list - 1) or ""
  return { code = "input", type = "bundle_refused", detail = at .. first.message .. more, members = { errors = list } }
end

local function paths_of(changes)
  local paths = tg.json.array({})
  for i, change in ipairs(changes) do
    paths[i] = change.path
  end
  return paths
end

local function insert(bundle, files, record)
  return tg.db.transaction(function(tx)
    local done, err = store.insert_bundle(tx, bundle, files)
    if not done then
      return nil, err
    end
    local made = { parent = bundle.parent, note = bundle.note, files = #files }
    local recorded = audit.recorder({ action = "rules.publish", after = made }, record)
    return operations.finish(tx, recorded, store.bundle(bundle.id, tx))
  end)
end

--- Publishes the files laid over their base, when nothing is wrong with the whole. The same files are the same bundle.
---@param input {files: table[], base: string?, note: string?}
---@param actor string
---@param record fun(tx: table, row: table): any, table? last thing in the transaction that keeps it
---@return table? bundle with `changed`, the paths in which it differs from its base
---@return boolean|table created_or_err
function bundles.publish(input, actor, record)
  local made, err = assemble(input)
  if not made then
    return nil, err
  end
  local checked
  checked, err = tg.rules.check(made.files)
  if not checked then
    return nil, err
  elseif not checked.ok then
    return nil, refused(checked.faults, input.files)
  end
  local changed = paths_of(diff.changes(made.base.files, made.files))
  local bundle
  bundle, err = store.bundle(checked.id)
  local created = not bundle and not err
  if created then
    bundle, err = insert({
      id = checked.id, parent = not made.base.is_release and made.base.id or nil, author = actor,
      note = input.note or "", hooks = checked.hooks, now = tg.time.now(),
    }, made.files, function(tx, row)
      row.changed = changed
      return record(tx, row)
    end)
    if errors.is_duplicate(err) then -- somebody published it at the same moment
      created = false
      bundle, err = store.bundle(checked.id)
    end
  end
  if not bundle then
    return nil, err
  elseif not created then
    audit.unchanged()
  end
  bundle.changed = changed
  return bundle, created
end

--- What choosing a bundle in place of the other would change: lines of `name` are added, those of `other` removed.
---@return {bundle: string, other: string, files: table[]}? difference, table? err
function bundles.difference(name, other)
  local bundle, err = bundles.bundle(name)
  local files, against
  if bundle then
    files, err = bundles.files(bundle)
  end
  if files then
    against, err = bundles.named_with_files(other, "?to")
  end
  if not against then
    return nil, err
  end
  return { bundle = bundle.id, other = against.id, files = diff.files(against.files, files) }
end

--- The same for files that nobody has published.
---@param input {files: table[], base: string?, to: string?}
function bundles.compare(input)
  local made, err = assemble(input)
  local against
  if made then
    against, err = bundles.named_with_files(input.to or "active", "/to")
  end
  if not against then
    return nil, err
  end
  return { other = against.id, files = diff.files(against.files, made.files) }
end

--- Every hook as it is declared, with the file of the active bundle that decides it.
---@return table[]? list, table|string active_or_err
function bundles.hooks()
  local active, err = bundles.bundle("active")
  if not active then
    return nil, err
  end
  local path = {}
  for _, hook in ipairs(active.hooks) do
    path[hook.hook] = hook.path
  end
  local list = {}
  for name, hook in pairs(hooks) do
    list[#list + 1] = { name = name, hook = hook, path = path[name] }
  end
  table.sort(list, function(a, b)
    return a.name < b.name
  end)
  return list, active.id
end

return bundles
