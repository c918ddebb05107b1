-- A byte order mark.
-- must: refused text: it begins with a byte order mark
-- made
return "\xef\xbb\xbfreturn { hook = 'attack.run', api = 1, decide = function() return {} end }"
