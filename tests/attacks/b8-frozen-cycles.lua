-- Tables that hold each other, and themselves as their keys' values.
-- must: error is read-only
local a, b = {}, {}
a.b, b.a, a.a, b.list = b, a, a, { a, b }
return { hook = "attack.run", api = 1, decide = function()
  a.b.a.a.b.list[1].b.n = 1
end }
