-- 64 KiB at a time, thrown away at once.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  while true do
    pcall(string.rep, "x", 65536)
  end
end }
