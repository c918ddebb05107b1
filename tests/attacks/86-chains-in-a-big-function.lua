-- The longest chain that is let through, at the end of the longest function, and its error caught again and again.
-- must: limit
-- made
return "return { hook = 'attack.run', api = 1, decide = function()\n"
  .. "  local t = {} t.a = t\n  local function f(no)\n    if no then\n      local x = 1\n" .. ("      x = x + t.a\n"):rep(3300)
  .. "    end\n    return t" .. (".a"):rep(28) .. ".b.c\n  end\n  while true do\n    pcall(f)\n  end\nend }"
