-- A key that is not in the table is passed over: the next one in order.
-- must: answer {"after":2,"none":false}
return { hook = "attack.run", api = 1, decide = function()
  return { after = next({ 1, 2, 3 }, 1), none = next({ 1, 2, 3 }, "no such key") ~= nil }
end }
