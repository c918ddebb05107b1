-- Ten thousand decimals as texts, at once.
-- must: limit or error
return { hook = "attack.run", api = 1, needs = { "decimal" }, decide = function(_, cap)
  local all = {}
  for i = 1, 9999 do
    all[i] = "999999999999999999.999999999999"
  end
  while true do
    cap.decimal.max(table.unpack(all))
  end
end }
