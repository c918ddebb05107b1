--- Pages over many companies: company by company, each newest first.
-- That is the order of an index that begins with the company, so a page costs its own length and no sort, however much
-- there is.
local walk = {}

local COMPANIES_A_PAGE_MAX <const> = 50 -- a page that met so many ends, however few rows it has

--- Rows of the cursor's company, then of the companies after it, up to limit.
---@param after (string|integer)[]? the key of the last row shown: its company and what places it there
---@param limit integer
---@param next_company fun(after: string?): {company: string}?, table?  the first that has any rows
---@param rows_of fun(company: string, before: (string|integer)[]?, limit: integer): table[]?, table?
---@return table[]? rows, table? err
---@return string? company where it stopped early: go on behind all that is of it
function walk.rows(after, limit, next_company, rows_of)
  local rows, company = {}, after and after[1]
  local before = after and { table.unpack(after, 2) }
  for _ = 1, COMPANIES_A_PAGE_MAX do
    if not before then
      local row, err = next_company(company)
      if err then
        return nil, err
      elseif not row then
        return rows
      end
      company = row.company
    end
    local found, err = rows_of(company, before, limit - #rows)
    if not found then
      return nil, err
    end
    table.move(found, 1, #found, #rows + 1, rows)
    if #rows == limit then
      return rows
    end
    before = nil
  end
  return rows, nil, company
end

return walk
