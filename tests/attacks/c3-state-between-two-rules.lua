-- Two rules of a file share a variable: one writes what the other answers.
-- must: refused purity: assigns 'said'
local said = 0
return {
  { hook = "attack.run", api = 1, decide = function(input)
    said = input.n
    return {}
  end, cases = { { name = "said", input = { n = 7 }, want = {} } } },
}
