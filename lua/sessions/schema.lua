--- Shapes of the requests about signing in.
local page = require("core.page")
local users = require("users.schema")
local v = require("core.validate")

local schema = {}

-- A password that is checked, not chosen: whatever it is, it is compared.
local given <const> = v.string({ min = 1, max = 256 })

schema.login = v.object({ email = users.email, password = given })
schema.reauthenticate = v.object({ password = given })
schema.change_password = v.object({ password = given, new_password = users.password })
schema.ask_reset = v.object({ email = users.email })
schema.choose_password = v.object({ code = v.string({ min = 1, max = 100 }), password = users.password })
schema.list = page.query({})

return schema
