-- Keys without an order that is the same everywhere.
-- must: answer {"boolean":false,"float":false,"table":false}
return { hook = "attack.run", api = 1, decide = function()
  return { boolean = pcall(pairs, { [true] = 1 }), float = pcall(pairs, { [0.5] = 1 }), table = pcall(pairs, { [{}] = 1 }) }
end }
