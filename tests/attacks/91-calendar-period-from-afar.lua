-- The period that an instant is in, a thousand years of seconds after the anchor.
-- must: end
return { hook = "attack.run", api = 1, needs = { "calendar" }, decide = function(_, cap)
  for i = 1, 1000 do
    pcall(cap.calendar.period, 0, "day", 1, "Europe/Berlin", 250000000000000000 - i)
    pcall(cap.calendar.period, -60000000000000000, "month", 1, "Europe/Berlin", 250000000000000000 - i)
  end
  return {}
end }
