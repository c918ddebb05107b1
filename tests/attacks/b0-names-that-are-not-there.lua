-- Everything that could reach out of the VM, by name.
-- must: answer {"n":0}
return { hook = "attack.run", api = 1, decide = function()
  local n = 0
  for _, get in ipairs({
    function() return os end, function() return io end, function() return debug end, function() return package end,
    function() return require end, function() return load end, function() return loadfile end,
    function() return dofile end, function() return loadstring end, function() return collectgarbage end,
    function() return rawset end, function() return rawget end, function() return rawequal end,
    function() return rawlen end, function() return getmetatable end, function() return setmetatable end,
    function() return coroutine end, function() return utf8 end, function() return print end,
    function() return warn end, function() return _G end, function() return math.random end,
    function() return math.randomseed end, function() return xpcall end, function() return arg end,
    function() return tg end, function() return jit end, function() return newproxy end,
  }) do
    n = n + (pcall(get) and 1 or 0)
  end
  return { n = n }
end }
