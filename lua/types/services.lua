---@meta
--- What `tollgate serve` adds to `tg`, where it is configured: letters and sealed values. For editors; never run.

---@class tg.mail
tg.mail = {}

--- Hands a letter to the mail server, on a worker thread. Waits. err.code "input": it is refused for good; "upstream":
--- not now, or none is configured; "uncertain": it may have been taken.
---@param letter {id: string, to: string, subject: string, body: string, date: integer}  UTF-8; date in µs
---@return true? taken
---@return tg.Err? err
function tg.mail.send(letter) end

--- Under the master keys, which Lua never sees. Only secrets/service.lua needs it.
---@class tg.secrets
tg.secrets = {}
---@return string?  the id of the key that seals, 4 bytes; nil: there is no master key
function tg.secrets.newest() end
---@param text string
---@param purpose string  where it is kept: needed again to open
---@return string? sealed
---@return tg.Err? err
function tg.secrets.seal(text, purpose) end
---@param sealed string
---@param purpose string
---@return string? text
---@return tg.Err? err
function tg.secrets.open(sealed, purpose) end
