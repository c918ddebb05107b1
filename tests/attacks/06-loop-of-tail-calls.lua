-- Calls without a stack: two functions that hand over to each other for ever.
-- must: limit
local ping
local function pong(n)
  return ping(n + 1)
end
ping = function(n)
  return pong(n + 1)
end
return { hook = "attack.run", api = 1, decide = function()
  return ping(1)
end }
