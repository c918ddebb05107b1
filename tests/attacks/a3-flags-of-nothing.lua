-- Names that no flag has, and values that no name is.
-- must: answer {"n":0}
return { hook = "attack.run", api = 1, needs = { "flags" }, decide = function(_, cap)
  local n = 0
  for _, name in ipairs({ "", "\0", ("x"):rep(65536), "__index", "%s%n" }) do
    n = n + (cap.flags.is_on(name) and 1 or 0) + (cap.flags.get(name) and 1 or 0)
  end
  for _, name in ipairs({ {}, true, function() end }) do
    n = n + (pcall(cap.flags.is_on, name) and 1 or 0)
  end
  return { n = n }
end }
