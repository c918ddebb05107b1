-- The bug of 5.4.4 with break and a closing value needs a __close: there is none to be had.
-- must: error variable '(for state)' got a non-closable value
return { hook = "attack.run", api = 1, decide = function()
  for k in next, {}, nil, {} do
    local _ = function() return k end
    break
  end
end }
