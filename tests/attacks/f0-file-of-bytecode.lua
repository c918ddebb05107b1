-- Compiled Lua, whose loader does not check it.
-- must: refused text: compiled Lua is refused
-- made
return string.dump(load("return { hook = 'attack.run', api = 1, decide = function() return {} end }"))
