-- Ten thousand pieces of 10 kB are one text of 100 MB.
-- must: limit
return { hook = "attack.run", api = 1, decide = function()
  local piece, t = ("x"):rep(10000), {}
  for i = 1, 10000 do
    t[i] = piece
  end
  return { table.concat(t) }
end }
