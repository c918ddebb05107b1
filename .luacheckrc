-- What the linter holds against the Lua of this house.
std = "lua54"
max_line_length = 120
include_files = { "lua/**/*.lua", "tests/**/*.lua" }
exclude_files = { "lua/types/*.lua", "tests/fixtures/broken" } -- annotations for editors are never run

files["lua"] = { read_globals = { "tg" } }
files["tests/lua"] = { std = "+busted", globals = { "tg" } }
