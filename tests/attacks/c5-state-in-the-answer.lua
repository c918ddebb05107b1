-- What is answered is a copy: changing it changes nothing for the next call.
-- must: answer {"list":[1,2]}
-- calls: 3
local kept = { list = { 1, 2 } }
return { hook = "attack.run", api = 1, decide = function()
  return kept
end }
