-- 64 KiB of commas into a thousand parts, for ever.
-- must: limit
return { hook = "attack.run", api = 1, needs = { "text" }, decide = function(_, cap)
  local s = (","):rep(65536)
  while true do
    assert(#cap.text.split(s, ",") == 1000)
  end
end }
