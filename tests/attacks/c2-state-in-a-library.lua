-- A cache in what the rule was given.
-- must: answer {"n":0}
return { hook = "attack.run", api = 1, needs = { "text", "decimal" }, decide = function(_, cap)
  local n = 0
  for _, write in ipairs({
    function() cap.seen = 1 end, function() cap.text.seen = 1 end, function() cap.lib.seen = 1 end,
    function() cap.decimal.new("1").seen = 1 end, function() table.insert(cap, 1) end,
    function() table.insert(cap.text, 1) end,
  }) do
    n = n + (pcall(write) and 1 or 0)
  end
  return { n = n }
end }
