-- A list of days as long as memory allows, the same for each of the windows.
-- must: error a list of 1
return { hook = "attack.run", api = 1, needs = { "calendar" }, decide = function(_, cap)
  local days = {}
  for i = 1, 60000 do
    days[i] = 1
  end
  local windows = {}
  for i = 1, 32 do
    windows["w" .. i] = { days = days }
  end
  while true do
    cap.calendar.windows(windows, "UTC")
  end
end }
