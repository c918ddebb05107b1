-- Values that have no order.
-- must: error attempt to compare
return { hook = "attack.run", api = 1, needs = { "decimal" }, decide = function(_, cap)
  table.sort({ 1, "2", cap.decimal.new("3"), {}, true })
end }
