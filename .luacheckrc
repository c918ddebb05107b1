-- What the linter holds against the Lua of this house.
std = "lua54"
max_line_length = 120
include_files = { "lua/**/*.lua", "tests/**/*.lua" }
exclude_files = { "lua/types/*.lua", "tests/fixtures/broken", "tests/attacks" } -- editors read types; attacks do what they like

files["lua"] = { read_globals = { "tg" } }
-- rules: the names of their environment and no others
local allowed = {}
for name, fields in pairs(assert(loadfile("lua/core/allow.lua"))()) do
  for _, field in ipairs(fields) do
    if name == "base" then
      allowed[field] = {}
    else
      allowed[name] = allowed[name] or { fields = {} }
      allowed[name].fields[field] = {}
    end
  end
end
stds.rules = { read_globals = allowed }
for _, pattern in ipairs({ "lua/*/rules.lua", "lua/*/lib/*.lua" }) do
  files[pattern] = { std = "rules", not_globals = { "tg" } }
end
files["tests/lua"] = { std = "+busted", globals = { "tg" } }
files["tests/bench/app"] = { read_globals = { "tg" } }
-- wrk calls these by name and gives `wrk` and each thread's numbers as globals
files["tests/bench/wrk.lua"] = {
  globals = { "wrk", "setup", "init", "request", "response", "done", "number", "accepted", "failed", "body_of_failure" },
}
