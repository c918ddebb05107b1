-- Conversions that are cut off, doubled or unknown.
-- must: answer {"n":0}
return { hook = "attack.run", api = 1, decide = function()
  local n = 0
  for _, text in ipairs({ "%", "%1", "%-", "%.", "%q", "%n", "%ld", "%*d", "%0$d", "%\0", "%s%s" }) do
    n = n + (pcall(string.format, text, 1) and 1 or 0)
  end
  return { n = n }
end }
