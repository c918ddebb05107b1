--- core.rulebox, or false where tgcaps.so is not built: specs of rules are pending there.
local loaded, rulebox = pcall(require, "core.rulebox")
if not loaded and not tostring(rulebox):find("module 'tgcaps' not found", 1, true) then
  error(rulebox, 0)
end
return loaded and rulebox
