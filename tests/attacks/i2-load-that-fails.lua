-- A file that raises when it is loaded.
-- must: refused schema: no
error("no")
