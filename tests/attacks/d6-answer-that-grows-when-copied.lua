-- One table, ten times in the next, ten times in the next: 10^15 tables when each is copied.
-- must: error value
return { hook = "attack.run", api = 1, decide = function()
  local t = { 1 }
  for _ = 1, 14 do
    t = { t, t, t, t, t, t, t, t, t, t }
  end
  return t
end }
