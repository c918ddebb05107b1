-- Another environment for the functions of the file.
-- must: refused purity: assigns '_ENV'
return { hook = "attack.run", api = 1, decide = function()
  _ENV = { x = 1 }
  return { x }
end }
