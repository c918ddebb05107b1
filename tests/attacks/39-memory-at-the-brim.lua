-- Fills the memory to the last byte, then needs some for the error that says so.
-- must: limit or error
-- calls: 1
return { hook = "attack.run", api = 1, decide = function()
  local t, size = {}, 65536
  local function fill()
    while true do
      t[#t + 1] = ("x"):rep(size, tostring(#t))
    end
  end
  for _ = 1, 12 do
    pcall(fill)
    size = size // 3 + 1
  end
  local function deep(n)
    table.sort({ 1, 2, 3 }, function() deep(n + 1) end)
  end
  deep(1)
end }
