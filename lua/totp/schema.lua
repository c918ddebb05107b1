--- Shapes of the requests about second factors.
local v = require("core.validate")

local schema = {}

schema.code = v.described(
  v.string({ min = 6, max = 6, pattern = "^%d%d%d%d%d%d$", regex = "^[0-9]{6}$", says = "must be six digits" }),
  "what the authenticator shows at this moment; each is taken once"
)
schema.recovery_code = v.described(v.string({ min = 1, max = 40 }), "one of the ten; each is taken once")

schema.confirm = v.object({ code = schema.code })
schema.disable = v.object({ password = v.string({ min = 1, max = 256 }) })

return schema
