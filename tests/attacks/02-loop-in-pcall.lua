-- Catches the kill and loops again: after the first one the hook fires at every instruction.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  while true do
    pcall(function()
      while true do end
    end)
  end
end }
