-- Runs into the end of memory, catches that, and goes on.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  while true do
    pcall(function()
      local t = {}
      while true do
        t[#t + 1] = ("x"):rep(1000) .. #t
      end
    end)
  end
end }
