-- The worst a plain search can be given, in a loop.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  local text, part = ("a"):rep(65536), ("a"):rep(32768) .. "b"
  while true do
    text:find(part)
  end
end }
