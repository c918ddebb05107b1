-- What takes patterns is not there.
-- must: answer {"n":0}
return { hook = "attack.run", api = 1, decide = function()
  local n = 0
  for _, name in ipairs({ "match", "gmatch", "gsub", "dump", "pack", "unpack", "packsize" }) do
    n = n + (pcall(function() return string[name] end) and 1 or 0)
  end
  return { n = n }
end }
