-- A metamethod of .. that moves the stack crashes Lua 5.4.4: there is no setmetatable.
-- must: error has no 'setmetatable'
return { hook = "attack.run", api = 1, decide = function()
  local mt = {}
  mt["__con" .. "cat"] = function()
    local function deep(n) return n == 0 and 0 or 1 + deep(n - 1) end
    return deep(200)
  end
  return { 1 .. (2 .. setmetatable({}, mt)) }
end }
