local diff = require("rules.diff")

local function read(name)
  local file <close> = assert(io.open(name, "rb"))
  return file:read("a")
end

local function write(name, text)
  local file <close> = assert(io.open(name, "wb"))
  file:write(text)
end

-- What diff(1) makes of the same two texts, without the names of the files.
local function by_diff(old, new)
  local a, b = os.tmpname(), os.tmpname()
  write(a, old)
  write(b, new)
  local pipe <close> = assert(io.popen(("diff -u -U3 %s %s"):format(a, b)))
  local text = pipe:read("a")
  os.remove(a)
  os.remove(b)
  return (text:gsub("^%-%-%-[^\n]*\n%+%+%+[^\n]*\n", ""))
end

-- Applies what `unified` wrote: the new text, if it is right.
local function patched(old, text)
  local a, b = os.tmpname(), os.tmpname()
  write(a, old)
  write(b, text)
  os.execute(("patch -s -f --no-backup-if-mismatch %s %s >/dev/null 2>&1"):format(a, b))
  local new = read(a)
  os.remove(a)
  os.remove(b)
  return new
end

local function has(program)
  return os.execute("command -v " .. program .. " >/dev/null 2>&1") == true
end

describe("the difference of two texts", function()
  it("is empty when there is none", function()
    assert.equal("", diff.unified("a\n", "a\n", "x"))
  end)

  it("shows what changed with three lines around it, and where", function()
    local old, new = "1\n2\n3\n4\n5\n6\n7\n8\n", "1\n2\n3\n4\nfive\n6\n7\n8\n"
    assert.equal("--- a/x\n+++ b/x\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n", diff.unified(old, new, "x"))
  end)

  it("names no file where there was none", function()
    assert.equal("--- /dev/null\n+++ b/x\n@@ -0,0 +1,1 @@\n+a\n", diff.unified(nil, "a\n", "x"))
    assert.equal("--- a/x\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-a\n", diff.unified("a\n", nil, "x"))
  end)

  it("says when the last line has no newline", function()
    local text = diff.unified("a\nb", "a\nb\n", "x")
    assert.equal("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n", text)
  end)

  it("joins changes that are close and parts those that are not", function()
    local old, new = {}, {}
    for i = 1, 40 do
      old[i] = "line " .. i
      new[i] = (i == 5 or i == 11 or i == 30) and "LINE " .. i or old[i]
    end
    local text = diff.unified(table.concat(old, "\n") .. "\n", table.concat(new, "\n") .. "\n", "x")
    local _, hunks = text:gsub("@@ %-", "")
    assert.equal(2, hunks)
  end)

  it("is never longer than that of diff(1), and patch(1) makes the new text of the old", function()
    if not has("diff") or not has("patch") then
      pending("diff and patch are not here")
      return
    end
    math.randomseed(7)
    for _ = 1, 40 do
      local old, new = {}, {}
      for i = 1, math.random(0, 40) do
        old[i] = "line " .. math.random(1, 12)
      end
      for _, line in ipairs(old) do
        local dice = math.random(1, 10)
        if dice > 2 then
          new[#new + 1] = line
        end
        if dice > 8 then
          new[#new + 1] = "new " .. dice
        end
      end
      local a = table.concat(old, "\n") .. (#old > 0 and "\n" or "")
      local b = table.concat(new, "\n") .. (#new > 0 and math.random(2) == 1 and "\n" or "")
      local text = diff.unified(a, b, "x")
      if a ~= b then
        assert.equal(b, patched(a, text))
        local _, ours = text:gsub("\n[%-%+][^%-%+]", "")
        local _, theirs = ("\n" .. by_diff(a, b)):gsub("\n[%-%+][^%-%+]", "")
        assert.is_true(ours <= theirs, text)
      end
    end
  end)

  it("of texts that have nothing in common is told as replaced", function()
    local old, new = {}, {}
    for i = 1, 3000 do
      old[i], new[i] = "old " .. i, "new " .. i
    end
    local text = diff.unified(table.concat(old, "\n") .. "\n", table.concat(new, "\n") .. "\n", "x")
    assert.is_truthy(text:find("@@ -1,3000 +1,3000 @@\n-old 1\n-old 2\n", 1, true))
  end)

  it("of many files has one end too: what comes behind it is told as replaced", function()
    local hard_a, hard_b = {}, {}
    for line = 1, 1000 do
      hard_a[line], hard_b[line] = ("a%d"):format(line), ("b%d"):format(line)
    end
    local old, new = {}, {}
    for i = 1, 20 do
      old[i] = { path = ("f%02d"):format(i), source = table.concat(hard_a, "\n") }
      new[i] = { path = ("f%02d"):format(i), source = table.concat(hard_b, "\n") }
    end
    old[21], new[21] = { path = "z", source = "1\n2\n3\n" }, { path = "z", source = "1\nx\n3\ny\n" }
    local changes = diff.files(old, new)
    assert.is_truthy(changes[21].diff:find("-2\n-3\n+x\n+3\n+y\n", 1, true))
    assert.is_truthy(diff.unified(old[21].source, new[21].source, "z"):find("-2\n+x\n 3\n+y\n", 1, true))
  end)
end)

describe("the difference of two lists of files", function()
  it("tells what was added, removed and changed, by path", function()
    local changes = diff.files(
      { { path = "b", source = "1\n" }, { path = "c", source = "1\n" }, { path = "d", source = "1\n" } },
      { { path = "a", source = "1\n" }, { path = "c", source = "2\n" }, { path = "d", source = "1\n" } }
    )
    local said = {}
    for i, change in ipairs(changes) do
      said[i] = change.path .. " " .. change.change
    end
    assert.same({ "a added", "b removed", "c changed" }, said)
    assert.is_truthy(changes[3].diff:find("-1\n+2\n", 1, true))
  end)

  it("writes out no more than two megabytes of them, and names the others", function()
    local old, new, line = {}, {}, ("x"):rep(1023) .. "\n"
    for i = 1, 50 do
      new[i] = { path = ("f%02d"):format(i), source = line:rep(60) }
    end
    local changes = diff.files(old, new)
    assert.equal(50, #changes)
    assert.is_string(changes[34].diff)
    assert.is_nil(changes[35].diff)
    assert.equal("added", changes[50].change)
  end)
end)
