-- Writing into the environment and the libraries, by every way there is.
-- must: answer {"n":0}
return { hook = "attack.run", api = 1, decide = function()
  local n = 0
  for _, write in ipairs({
    function() _ENV.pairs = nil end, function() _ENV["x" .. 1] = 1 end, function() string.upper = nil end,
    function() string["up" .. "per"] = nil end, function() math.floor = nil end, function() table.concat = nil end,
    function() table.insert(_ENV, 1) end, function() table.insert(string, 1) end,
    function() table.move({ 1 }, 1, 1, 1, string) end, function() table.sort(_ENV, nil) ; string[1] = 1 end,
    function() ("").upper = nil end, function() ("").x = 1 end, function() table.remove(_ENV) ; _ENV[1] = 1 end,
  }) do
    n = n + (pcall(write) and 1 or 0)
  end
  return { n = n }
end }
