--- Shapes of answers that several features give. Answers are described as strictly as requests are checked: every field
-- is named and always there (null when there is nothing to say), so that a frontend's types can be made from them.
local v = require("core.validate")

local shapes = {}

-- Answers are ours: they are described, and checked by the tests from outside, against the document.
local function described(json)
  return v.shape(json, function(value)
    return value
  end)
end

shapes.any = described({})
shapes.text = described({ type = "string" })
shapes.count = described({ type = "integer", minimum = 0 })
shapes.flag = described({ type = "boolean" })
shapes.instant = described({ type = "string", format = "date-time" })
shapes.decimal = described({ type = "string", pattern = "^-?[0-9]+(\\.[0-9]{1,12})?$", examples = { "0.024" } })
shapes.currency = described({ type = "string", pattern = "^[A-Z]{3}$", examples = { "USD" } })
shapes.object = described({ type = "object" })

--- An amount in major units.
shapes.money = v.object({ amount = shapes.decimal, currency = shapes.currency })

---@param prefix string
---@return validate.Shape
function shapes.id(prefix)
  return described(v.id(prefix).json)
end

---@param names string[]
---@return validate.Shape
function shapes.one_of(names)
  return described({ type = "string", enum = names })
end

---@param of validate.Shape
---@return validate.Shape
function shapes.list(of)
  return described({ type = "array", items = of.json })
end

---@param of validate.Shape
---@return validate.Shape
function shapes.map(of)
  return described({ type = "object", additionalProperties = of.json })
end

--- A row of a rate deck (core/show).
shapes.rate = v.object({
  row = shapes.count, prefix = shapes.text, name = shapes.text, per_minute = shapes.decimal,
  connect_fee = shapes.decimal, initial_seconds = shapes.count, increment_seconds = shapes.count,
  minimum_seconds = shapes.count, valid_from = v.or_null(shapes.instant), valid_to = v.or_null(shapes.instant),
  blocked = shapes.flag, window = v.or_null(shapes.text),
  steps = v.or_null(shapes.list(v.object({ after_s = shapes.count, per_minute = shapes.decimal }))),
})

shapes.next_cursor = v.or_null(described({ type = "string", description = "null: this is the last page" }))
shapes.total = v.described(v.or_null(shapes.count), "of all pages; null behind the first, which has said it")

--- A page of a list (core/page).
---@param of validate.Shape
---@return validate.Shape
function shapes.page(of)
  return v.object({ data = shapes.list(of), next_cursor = shapes.next_cursor })
end

--- A page of a list that is counted (page.sorted).
---@param of validate.Shape
---@return validate.Shape
function shapes.counted_page(of)
  return v.object({ data = shapes.list(of), next_cursor = shapes.next_cursor, total = shapes.total })
end

return shapes
