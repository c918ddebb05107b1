-- One zone by as many names as there are.
-- must: limit or error
return { hook = "attack.run", api = 1, needs = { "calendar" }, decide = function(_, cap)
  local i = 0
  while true do
    i = i + 1
    pcall(cap.calendar.local_time, 0, "A" .. ("/"):rep(i % 40) .. "x" .. i)
    pcall(cap.calendar.local_time, 0, "America" .. ("/"):rep(i % 22 + 1) .. "Argentina" .. ("/"):rep(i // 22 % 20 + 1) .. "Jujuy")
  end
end }
