-- pcall, called by itself with itself.
-- must: answer {"ok":true}
return { hook = "attack.run", api = 1, decide = function()
  return { ok = pcall(pcall, pcall, pcall, error, "x") }
end }
