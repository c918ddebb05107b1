--- Shapes of the requests about signing in.
local page = require("core.page")
local totp = require("totp.schema")
local users = require("users.schema")
local v = require("core.validate")

local schema = {}

-- A password that is checked, not chosen: whatever it is, it is compared.
local given <const> = v.string({ min = 1, max = 256 })

-- A browser keeps its session in a cookie, which no script can read.
local cookie <const> = v.optional(v.described(v.boolean(), "true: the session goes into a cookie, not into the answer"))

schema.login = v.object({ email = users.email, password = given, cookie = cookie })

-- Exactly one of them.
local function one_of(fields)
  local names = {}
  for name in pairs(fields) do
    names[#names + 1] = name
  end
  table.sort(names)
  return function(clean, pointer, faults)
    local n = 0
    for _, name in ipairs(names) do
      n = n + (clean[name] and 1 or 0)
    end
    if n ~= 1 then
      faults[#faults + 1] = { pointer = pointer, detail = "must have one of " .. table.concat(names, " and ") }
    end
  end
end

local code <const>, recovery_code <const> = v.optional(totp.code), v.optional(totp.recovery_code)
schema.reauthenticate = v.also(
  v.object({ password = v.optional(given), code = code }), one_of({ password = true, code = true })
)
schema.login_totp = v.also(
  v.object({
    ticket = v.string({ min = 1, max = 2000 }), code = code, recovery_code = recovery_code, cookie = cookie,
  }),
  one_of({ code = true, recovery_code = true })
)
schema.change_password = v.object({ password = given, new_password = users.password })
schema.ask_reset = v.object({ email = users.email })
schema.choose_password = v.object({ code = v.string({ min = 1, max = 100 }), password = users.password })
schema.list = page.query({})

return schema
