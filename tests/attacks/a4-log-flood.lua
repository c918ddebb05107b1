-- A million lines, of which ten are written.
-- must: limit
return { hook = "attack.run", api = 1, needs = { "log" }, decide = function(_, cap)
  local s = ("x\n\27[2J\0"):rep(5000)
  while true do
    cap.log.debug(s)
  end
end }
