-- The corners of integers: errors or wrapped, never a crash.
-- must: answer {"abs":-9223372036854775808,"div":false,"floor":true,"idiv":-9223372036854775808,"mod":0,"rest":false,"ult":true}
return { hook = "attack.run", api = 1, decide = function()
  local min, zero = math.mininteger, 0
  return {
    idiv = min // -1, mod = min % -1, div = pcall(function() return 1 // zero end),
    rest = pcall(function() return 1 % zero end), abs = math.abs(min), ult = math.ult(1, -1),
    floor = math.floor(1e308) > 0,
  }
end }
