-- A file that never ends when it is loaded.
-- must: refused ran longer than 2000 ms
while true do end
