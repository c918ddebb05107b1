-- An iterator that is made when the file is loaded, and remembers where it stands.
-- must: refused what pairs() returns must not outlive the call
local walk, list, at = pairs({ 10, 20, 30 })
return { hook = "attack.run", api = 1, decide = function()
  local key, value = walk(list, at)
  return { key = key, value = value }
end, cases = { { name = "one", input = {}, want = {} }, { name = "two", input = {}, want = {} } } }
