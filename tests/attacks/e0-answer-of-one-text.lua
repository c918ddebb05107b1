-- A megabyte of text in sixty thousand places: 60 GB when each is copied.
-- must: error bytes of text
return { hook = "attack.run", api = 1, decide = function()
  local s, t = ("x"):rep(65536), {}
  s = s .. s .. s .. s
  for i = 1, 50000 do
    t[i] = s
  end
  return t
end }
