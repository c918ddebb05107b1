-- A cache outside of the function: it cannot be written.
-- must: error is read-only
local cache = {}
return { hook = "attack.run", api = 1, decide = function(input)
  cache[#cache + 1] = input
  return { n = #cache }
end }
