-- The instruction for long names is another one: it raises when it runs.
-- must: error the environment of rules is read-only
return { hook = "attack.run", api = 1, decide = function()
  a_global_whose_name_is_longer_than_forty_characters_is_compiled_otherwise = 1
end }
