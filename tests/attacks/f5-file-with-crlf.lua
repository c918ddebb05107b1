-- Lines that end as on another system: no attack, and it works.
-- must: answer {"lines":2}
-- made
return "return { hook = 'attack.run', api = 1,\r\n decide = function()\r\n  local s = [[a\r\nb]]\r\n"
  .. "  local _, at = s:find('\\n') return { lines = at }\r\nend }\r\n"
