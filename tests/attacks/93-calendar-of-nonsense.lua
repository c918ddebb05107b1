-- Windows that are none.
-- must: answer {"n":0}
return { hook = "attack.run", api = 1, needs = { "calendar", "decimal" }, decide = function(_, cap)
  local n = 0
  for _, windows in ipairs({
    { a = { days = { 0 } } }, { a = { days = { 1 << 40 } } }, { a = { from = "25:00", to = "8" } },
    { a = { holidays = { "2026-02-30" } } }, { a = 7 }, { a = { days = "x" } }, { a = { priority = 1 << 60 } },
  }) do
    n = n + (pcall(cap.calendar.windows, windows, "UTC") and 1 or 0)
  end
  n = n + (pcall(cap.calendar.is_open, cap.decimal, "a", 0) and 1 or 0)
  return { n = n }
end }
