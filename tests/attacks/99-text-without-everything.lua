-- A long text without the characters of a long text.
-- must: limit
return { hook = "attack.run", api = 1, needs = { "text" }, decide = function(_, cap)
  local s = ("abcdefgh"):rep(8192)
  s = s .. s .. s .. s .. s .. s .. s .. s
  while true do
    cap.text.without(s, s)
    cap.text.lower(s)
    cap.text.trim(s)
    cap.text.starts_with(s, s)
    cap.text.is_digits(s)
  end
end }
