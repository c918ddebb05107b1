-- A to-be-closed variable runs code at its end; without metatables only nil and false fit into one.
-- must: error variable 'x' got a non-closable value
return { hook = "attack.run", api = 1, decide = function()
  local x <close> = {}
  return { x }
end }
