-- Only texts are lines.
-- must: error string expected
return { hook = "attack.run", api = 1, needs = { "log" }, decide = function(_, cap)
  cap.log.debug({})
end }
