local credits = require("ledger.credits")

local file <close> = assert(io.open("tests/golden/credits.json"))
local golden = assert(tg.json.decode(file:read("a")))

local function list_of(rows)
  local list = {}
  for i, row in ipairs(rows) do
    list[i] = {
      id = ("crd_%03d"):format(row.id), priority = row.priority, remaining = tg.decimal.new(row.remaining),
      expires_at = row.expires_at ~= tg.json.null and row.expires_at or nil,
    }
  end
  return list
end

local function shown(draws)
  local list = {}
  for i, draw in ipairs(draws) do
    list[i] = { id = tonumber(draw.credit:sub(5)), amount = tostring(draw.amount) }
  end
  return list
end

local function plain(rows)
  local list = {}
  for i, row in ipairs(rows) do
    list[i] = { id = row.id, amount = row.amount }
  end
  return list
end

describe("credits", function()
  for _, case in ipairs(golden.cases) do
    it(case.name, function()
      local list = list_of(case.credits)
      local broken = credits.expire(list, tg.decimal.new(case.available), case.now)
      assert.same(plain(case.broken), shown(broken))
      local draws = credits.draw(list, tg.decimal.new(case.take))
      assert.same(plain(case.draws), shown(draws))
    end)
  end
end)
