--- Each golden case of each rule; of another folder: TOLLGATE_RULES=dir.
local rulebox = require("caps")

describe("the golden cases of", function()
  if not rulebox then
    return pending("tgcaps.so is not built")
  end
  rulebox.spec(os.getenv("TOLLGATE_RULES") or "lua", describe, it)
end)
