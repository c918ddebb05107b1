-- Tables that only a closure of a closure holds.
-- must: error is read-only
local function make()
  local hidden = { n = 0 }
  return function()
    return function()
      hidden.n = hidden.n + 1
      return hidden.n
    end
  end
end
local counter = make()
return { hook = "attack.run", api = 1, decide = function()
  return { n = counter()() }
end }
