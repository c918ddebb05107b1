-- What the linter holds against the Lua of this house.
std = "lua54"
max_line_length = 120
include_files = { "lua/**/*.lua", "tests/**/*.lua" }
exclude_files = { "tests/fixtures/broken" }

files["lua"] = { read_globals = { "tg" } }
files["lua/types"] = { ignore = { "111", "112", "113", "131", "211", "212", "631" } } -- annotations for editors, never run
files["tests/lua"] = { std = "+busted", globals = { "tg" } }
