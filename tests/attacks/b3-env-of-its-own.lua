-- A local _ENV is a table like any other: allowed, and alone.
-- must: answer {"n":1,"other":false}
return { hook = "attack.run", api = 1, decide = function()
  local check = pcall
  local _ENV = { n = 1 }
  n = n + 0
  return { n = n, other = check(function() return string.upper end) }
end }
