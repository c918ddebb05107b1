-- Methods of texts are the bounded functions, and numbers do not hide in texts.
-- must: answer {"n":0}
return { hook = "attack.run", api = 1, decide = function()
  local n = 0
  for _, call in ipairs({
    function() return ("x"):gsub("x", "y") end, function() return ("x"):dump() end, function() return "10" + 1 end,
    function() return -"2" end, function() return "10" // "3" end, function() return ("x"):rep(1 << 30) end,
    function() return 10 .. 1 + "1" end, function() return "0x10" * 1 end,
  }) do
    n = n + (pcall(call) and 1 or 0)
  end
  return { n = n }
end }
