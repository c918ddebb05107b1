--- The difference of two texts, line by line, as `diff -u` writes it.
-- Pure. Myers' greedy algorithm, without his halving: what both texts have at their beginning and end is cut off first,
-- and when the rest differs by more than EDITS_MAX lines, or all files together have taken STEPS_MAX steps, it is told
-- as replaced: the thread that compares has other things to do. Files of rules are small, and so are changes of them.
local diff = {}

local EDITS_MAX <const> = 400
local STEPS_MAX <const> = 400000
local BYTES_MAX <const> = 2 << 20 -- of the texts of all files together: to read as many lines takes a second
local CONTEXT <const> = 3
local NO_NEWLINE <const> = "\\ No newline at end of file"

--- The lines, each with its newline.
local function lines_of(text)
  local lines = {}
  for line in text:gmatch("[^\n]*\n?") do
    if line ~= "" then
      lines[#lines + 1] = line
    end
  end
  return lines
end

-- Where to stand on diagonal k after d edits: from above (a line more of b) or from the left (a line less of a).
local function step_from(v, k, d)
  if k == -d or (k ~= d and v[k - 1] < v[k + 1]) then
    return k + 1, v[k + 1]
  end
  return k - 1, v[k - 1] + 1
end

-- The furthest place on each diagonal after each number of edits, until both texts are at their end; nil: too many.
local function search(a, b, from, n, m, budget)
  local v, trace = { [1] = 0 }, {}
  for d = 0, math.min(n + m, EDITS_MAX) do
    local row = {}
    budget.steps = budget.steps - d - 1
    if budget.steps < 0 then
      return nil
    end
    for k = -d, d, 2 do
      local _, x = step_from(v, k, d)
      while x < n and x - k < m and x - k >= 0 and a[from + x] == b[from + x - k] do
        x = x + 1
      end
      row[k] = x
      if x >= n and x - k >= m then
        trace[d] = row
        return trace, d, k
      end
    end
    trace[d] = row
    for k = -d, d, 2 do
      v[k] = row[k]
    end
  end
end

-- Marks what is taken out of a and put into b, walking back through what search found.
local function walk_back(trace, d, k, from, removed, added)
  while d > 0 do
    local v = trace[d - 1]
    local edge = { [k - 1] = v[k - 1] or -1, [k + 1] = v[k + 1] or -1 }
    local before = step_from(edge, k, d)
    local x = edge[before]
    if before == k + 1 then
      added[from + x - before] = true
    else
      removed[from + x] = true
    end
    d, k = d - 1, before
  end
end

-- What of a goes and what of b comes, by line number.
local function compare(a, b, budget)
  local first, last = 1, 0
  while first <= #a and first <= #b and a[first] == b[first] do
    first = first + 1
  end
  while #a - last >= first and #b - last >= first and a[#a - last] == b[#b - last] do
    last = last + 1
  end
  local n, m = #a - last - first + 1, #b - last - first + 1
  local removed, added = {}, {}
  local trace, d, k = search(a, b, first, n, m, budget)
  if trace then
    walk_back(trace, d, k, first, removed, added)
    return removed, added
  end
  for i = first, first + n - 1 do
    removed[i] = true
  end
  for i = first, first + m - 1 do
    added[i] = true
  end
  return removed, added
end

-- The one sequence of kept, removed and added lines: {mark, line, place in a, place in b}.
local function script_of(a, b, budget)
  local removed, added = compare(a, b, budget)
  local script, i, j = {}, 1, 1
  while i <= #a or j <= #b do
    if removed[i] then
      script[#script + 1] = { "-", a[i], i, j }
      i = i + 1
    elseif added[j] then
      script[#script + 1] = { "+", b[j], i, j }
      j = j + 1
    else
      script[#script + 1] = { " ", a[i], i, j }
      i, j = i + 1, j + 1
    end
  end
  return script
end

-- Ranges of the script that are shown together: changes with CONTEXT lines around them.
local function hunks_of(script)
  local hunks = {}
  for at, line in ipairs(script) do
    if line[1] ~= " " then
      local last = hunks[#hunks]
      if last and at - CONTEXT <= last.to + 1 then
        last.to = at + CONTEXT
      else
        hunks[#hunks + 1] = { from = math.max(at - CONTEXT, 1), to = at + CONTEXT }
      end
    end
  end
  return hunks
end

local function write_hunk(out, script, hunk)
  local n_a, n_b, body = 0, 0, {}
  for at = hunk.from, math.min(hunk.to, #script) do
    local mark, line = script[at][1], script[at][2]
    n_a, n_b = n_a + (mark == "+" and 0 or 1), n_b + (mark == "-" and 0 or 1)
    body[#body + 1] = mark .. (line:sub(-1) == "\n" and line or line .. "\n" .. NO_NEWLINE .. "\n")
  end
  local first = script[hunk.from]
  -- a range of no lines names the line before it
  local a, b = first[3] - (n_a == 0 and 1 or 0), first[4] - (n_b == 0 and 1 or 0)
  out[#out + 1] = ("@@ -%d,%d +%d,%d @@\n%s"):format(a, n_a, b, n_b, table.concat(body))
end

--- The unified difference, "" when there is none.
---@param old string? nil: there was no file
---@param new string? nil: there is none any more
---@param path string
---@param budget {steps: integer}? shared by files that are compared together
---@return string
function diff.unified(old, new, path, budget)
  if old == new then
    return ""
  end
  local script = script_of(lines_of(old or ""), lines_of(new or ""), budget or { steps = STEPS_MAX })
  local out = {
    ("--- %s\n"):format(old and "a/" .. path or "/dev/null"), ("+++ %s\n"):format(new and "b/" .. path or "/dev/null"),
  }
  for _, hunk in ipairs(hunks_of(script)) do
    write_hunk(out, script, hunk)
  end
  return table.concat(out)
end

local function by_path(files)
  local map = {}
  for _, file in ipairs(files) do
    map[file.path] = file.source
  end
  return map
end

--- What is different between two lists of files, by path.
---@param old {path: string, source: string}[]
---@param new {path: string, source: string}[]
---@return {path: string, change: "added"|"removed"|"changed", old: string?, new: string?}[]
function diff.changes(old, new)
  local before, after, paths = by_path(old), by_path(new), {}
  for path in pairs(before) do
    paths[#paths + 1] = path
  end
  for path in pairs(after) do
    if not before[path] then
      paths[#paths + 1] = path
    end
  end
  table.sort(paths)
  local changes = {}
  for _, path in ipairs(paths) do
    local a, b = before[path], after[path]
    if a ~= b then
      local change = not a and "added" or not b and "removed" or "changed"
      changes[#changes + 1] = { path = path, change = change, old = a, new = b }
    end
  end
  return changes
end

--- The same with the difference of each file written out, while they are not too much.
---@return {path: string, change: string, diff: string?}[]
function diff.files(old, new)
  local changes, budget, bytes = diff.changes(old, new), { steps = STEPS_MAX }, 0
  for _, change in ipairs(changes) do
    bytes = bytes + #(change.old or "") + #(change.new or "")
    if bytes <= BYTES_MAX then
      change.diff = diff.unified(change.old, change.new, change.path, budget)
    end
    change.old, change.new = nil, nil
  end
  return changes
end

return diff
