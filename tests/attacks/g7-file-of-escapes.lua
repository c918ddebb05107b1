-- Escapes beyond what Unicode has.
-- must: refused syntax: UTF-8 value too large
return { hook = "attack.run", api = 1, decide = function()
  return { "\u{FFFFFFFFFF}" }
end }
