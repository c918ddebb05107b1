-- A byte in front of it does not help.
-- must: refused
-- made
return " " .. string.dump(load("return 1"))
