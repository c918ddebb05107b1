--- Tells the other threads and nodes that something has changed, through Redis. It is a hint: who misses it finds out
-- by itself, a little later. So it is sent after the commit, waits for next to nothing, and may fail.
local hint = {}

local WAIT_MS <const> = 100

---@param channel string
---@param payload string|integer
function hint.send(channel, payload)
  pcall(tg.within, WAIT_MS, tg.redis.call, "PUBLISH", channel, payload)
end

--- Somebody's key, session or role has changed: what is remembered of who may do what is forgotten (web/auth.h).
function hint.rights_changed()
  hint.send("tollgate:auth", "")
end

return hint
