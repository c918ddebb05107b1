-- Lua 5.4.4 compiles t[a > b] wrongly when t is outside of the function: an honest author would bill another price.
-- must: refused lua: an index that is a comparison
local price = { [true] = "cheap", [false] = "dear" }
return { hook = "attack.run", api = 1, decide = function(input)
  return { price = price[input.n > 100] }
end }
