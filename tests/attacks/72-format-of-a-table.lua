-- So does the text of a table or a function.
-- must: answer {"n":0}
return { hook = "attack.run", api = 1, decide = function()
  local n = 0
  for _, value in ipairs({ {}, type, pairs, string }) do
    n = n + (pcall(tostring, value) and 1 or 0)
    n = n + (pcall(string.format, "%s", value) and 1 or 0)
  end
  return { n = n }
end }
