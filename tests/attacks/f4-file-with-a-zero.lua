-- A text that C would end in the middle.
-- must: refused text: a NUL is in the text
-- made
return "return { hook = 'attack.run', api = 1, decide = function() return {} end }\0 os.exit()"
