-- _ENV as a constant crashed the compiler of 5.4.4 before Debian's patch.
-- must: error attempt to index a number value
return { hook = "attack.run", api = 1, decide = function()
  local _ENV <const> = 11
  x = "hi"
end }
