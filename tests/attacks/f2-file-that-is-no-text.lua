-- Bytes that are no UTF-8.
-- must: refused text: not UTF-8
-- made
return "return { hook = 'attack.run', api = 1, decide = function() return { '\xff' } end }"
