--- Whole packages: {model = "package", price, size}. A package that is begun is paid in full, and used up before the
-- next one is. State {quantity}: what the period has used before.
local package = {}

function package.charge(price, quantity, terms, state)
  local decimal = terms.decimal
  local size = terms:number(price, "size")
  if size <= terms.zero then
    error("the size of a package must be above 0", 0)
  end
  local before = decimal.new(state and state.quantity or 0)
  local after = before + quantity
  local packages = decimal.div(after, size, 0, "up") - decimal.div(before, size, 0, "up")
  local note = ("packages of %s"):format(tostring(size))
  return { terms:line("package", terms:number(price, "price"), packages, nil, note) }, { quantity = after }
end

return package
