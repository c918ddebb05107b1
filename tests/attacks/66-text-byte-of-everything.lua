-- Half a million results of one call.
-- must: error string slice too long
return { hook = "attack.run", api = 1, decide = function()
  local s = ("x"):rep(65536)
  s = s .. s .. s .. s .. s .. s .. s .. s
  s = s .. s
  local n = select("#", s:byte(1, -1))
  return { n }
end }
