--- What rules may call: the names of their environment.
-- One list for the rule VM (src/rt/caps_box.c, which bounds what could take for ever), for tests and for luacheck.
-- Capabilities are not here: a rule names those it needs.
return {
  base = { "assert", "error", "ipairs", "next", "pairs", "pcall", "select", "tonumber", "tostring", "type" },
  string = { "byte", "char", "find", "format", "len", "lower", "rep", "reverse", "sub", "upper" },
  table = { "concat", "insert", "move", "remove", "sort", "unpack" },
  math = {
    "abs", "ceil", "floor", "max", "maxinteger", "min", "mininteger", "tointeger", "type", "ult",
  },
}
