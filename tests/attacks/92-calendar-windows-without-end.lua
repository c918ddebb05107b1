-- Ten thousand windows with ten thousand holidays each.
-- must: end
return { hook = "attack.run", api = 1, needs = { "calendar" }, decide = function(_, cap)
  local days = {}
  for i = 1, 9999 do
    days[i] = ("20%02d-%02d-%02d"):format(i % 100, i % 12 + 1, i % 28 + 1)
  end
  while true do
    local windows = {}
    for i = 1, 500 do
      windows["w" .. i] = { days = { 1 }, from = "08:00", to = "20:00", holidays = days }
    end
    local w = cap.calendar.windows(windows, "Europe/Berlin")
    for i = 1, 500 do
      cap.calendar.is_open(w, "w" .. i, i * 1000000)
    end
  end
end }
