-- The longest a number can be written: bounded by the library.
-- must: answer {"n":410}
return { hook = "attack.run", api = 1, decide = function()
  local n = #("%.99f"):format(-1e308)
  for _, text in ipairs({ "%d", "%i", "%x", "%c" }) do
    if pcall(string.format, text, 0.5) then
      n = 0
    end
  end
  return { n = n }
end }
