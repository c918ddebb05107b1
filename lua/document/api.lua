--- What callers may rely on: the document about everything else.
local openapi = require("core.openapi")
local shapes = require("core.shapes")
local v = require("core.validate")

return openapi.section("document", "About the API", "What this server offers.", {
  openapi = { summary = "This document", answers = { [200] = shapes.object } },
  hello = {
    summary = "Says hello", description = "Shows that the server runs Lua, and nothing else.",
    answers = { [200] = v.object({ message = shapes.text }) },
  },
})
