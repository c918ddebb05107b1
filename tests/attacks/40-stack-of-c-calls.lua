-- Sorting inside of sorting: the C stack has 200 levels.
-- must: error C stack overflow
return { hook = "attack.run", api = 1, decide = function()
  local function deep()
    table.sort({ 1, 2 }, deep)
  end
  deep()
end }
