-- A library by way of the file system.
-- must: refused ../../etc/passwd
return { hook = "attack.run", api = 1, needs = { "lib.../../etc/passwd" }, decide = function() return {} end }
