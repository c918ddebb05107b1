--- A minimum that a period is worth: {model = "commitment", minimum}. The quantity is what the period was charged
-- otherwise; the line is what is missing, and there is none when nothing is.
local commitment = {}

function commitment.charge(price, charged, terms)
  local missing = terms:round(terms:number(price, "minimum")) - charged
  if missing <= terms.zero then
    return {}
  end
  return { terms:adjustment("commitment", missing, ("minimum %s"):format(tostring(price.minimum))) }
end

return commitment
