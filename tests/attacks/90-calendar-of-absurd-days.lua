-- Instants at the ends of integers, days and months by the quintillion.
-- must: answer {"n":0}
return { hook = "attack.run", api = 1, needs = { "calendar" }, decide = function(_, cap)
  local c, n = cap.calendar, 0
  for _, at in ipairs({ math.mininteger, math.maxinteger, 1 << 60, -(1 << 60) }) do
    for _, zone in ipairs({ "UTC", "Europe/Berlin", "../../etc/passwd", ("x"):rep(60000), "\0" }) do
      for name, call in pairs({
        local_time = function() return c.local_time(at, zone) end,
        date = function() return c.date(at, zone) end,
        weekday = function() return c.weekday(at, zone) end,
        days = function() return c.add_days(at, at, zone) end,
        months = function() return c.add_months(at, at, zone) end,
        period = function() return c.period(0, "month", 1, zone, at) end,
        between = function() return c.days_between(math.mininteger, at, zone) end,
      }) do
        n = n + (pcall(call) and #name > 20 and 1 or 0)
      end
    end
  end
  return { n = n }
end }
