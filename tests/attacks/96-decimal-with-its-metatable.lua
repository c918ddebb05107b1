-- What is behind a decimal cannot be reached or changed.
-- must: error attempt to index
return { hook = "attack.run", api = 1, needs = { "decimal" }, decide = function(_, cap)
  local d = cap.decimal.new("1")
  assert(not pcall(function() cap.decimal.new = nil end))
  return { d.__index.__add }
end }
