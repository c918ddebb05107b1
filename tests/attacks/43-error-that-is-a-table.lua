-- Its text is never asked for: nothing of the rule runs after it has failed.
-- must: error the error is not a text
return { hook = "attack.run", api = 1, decide = function()
  error({ message = "a table" })
end }
