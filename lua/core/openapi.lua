--- The API document: OpenAPI 3.1, made from the route table and from the shapes that check what comes in.
-- Each feature says in `<feature>/api.lua` what a caller may rely on: one *operation* for each route,
--
--   create_company = {
--     summary = "Create a company",                 a line; `description` for more
--     body = schema.company_create,                 the very shape that the handler checks with
--     query = schema.company_list,                  fields, as validate.query takes them
--     ids = { id = "co" },                          the ids in the path, by their prefixes
--     answers = { [201] = shapes.company },         what comes back, by status; false: no body; {…, …}: one of several
--     once = true,                                  takes Idempotency-Key
--     etag = true,                                  gives an ETag (core/etag.lua): GET takes it in If-None-Match,
--                                                   a change in If-Match
--     needs = { number = true },                    parameters that may not be missing
--     refusals = { [409] = "…" },                   beyond those that follow from the route itself
--     example = { body = {…} },                     executed by a test
--   }
--
-- A route without an operation does not load. Bodies that are not JSON: body = { type = "text/csv", shape = … }.
local etag = require("core.etag")
local v = require("core.validate")

local openapi = {}

local JSON_POINTER <const> = "JSON pointer into the body, or ?name for a parameter"

local problem <const> = {
  type = "object",
  description = "RFC 9457",
  required = { "type", "title", "status", "request_id" },
  properties = {
    type = { type = "string", description = "about:blank, or https://tollgate.dev/problems/<slug>" },
    title = { type = "string" },
    status = { type = "integer" },
    detail = { type = "string", description = "a sentence for whoever reads it" },
    request_id = { type = "string", description = "X-Request-Id of the answer" },
    errors = {
      type = "array",
      items = {
        type = "object",
        required = { "pointer", "detail" },
        properties = {
          pointer = { type = "string", description = JSON_POINTER }, detail = { type = "string" },
        },
      },
    },
  },
}

local STEP_UP <const> = " A person must have given their password or a code within the last five minutes "
  .. "(`POST /v1/auth/reauthenticate`); else 403 `reauthentication_required`."

local REASONS <const> = {
  [200] = "OK", [201] = "Created", [202] = "Accepted: it waits", [204] = "Done; no body",
  [304] = "It is as If-None-Match says; no body",
  [400] = "The request cannot be read",
  [401] = "No key, or one that is not valid (any more)",
  [403] = "The key lacks the permission",
  [404] = "There is no such thing, or none that the caller may know of",
  [405] = "This path has other methods: see Allow",
  [409] = "It does not fit what is there",
  [412] = "It was changed meanwhile: If-Match names another state",
  [413] = "The body is too large",
  [414] = "The path is longer than 4096 bytes",
  [415] = "Bodies are taken without a Content-Encoding",
  [422] = "Read, and refused: `errors` names the fields",
  [429] = "Too many requests: see Retry-After",
  [500] = "Our fault; `request_id` finds it in the log",
  [502] = "The database or a provider failed; nothing happened",
  [503] = "Busy, or not available now: see Retry-After",
  [504] = "There was no answer in time; a write may have happened: repeat it with its Idempotency-Key",
}

local RATE_HEADERS <const> = {}
for _, name in ipairs({ "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After" }) do
  RATE_HEADERS[name] = { ["$ref"] = "#/components/headers/" .. name }
end

local abouts <const> = {} -- what each section is about, by its title

--- Gives the operations of a feature their section and their ids, "<feature>.<name>".
---@param feature string
---@param title string
---@param about string  a sentence or two, for who reads the reference from above
---@param operations table<string, table>
---@return table<string, table> operations
function openapi.section(feature, title, about, operations)
  abouts[title] = about
  for name, operation in pairs(operations) do
    assert(operation.summary and next(operation.answers or {}), ("%s.api: %s says too little"):format(feature, name))
    operation.id, operation.section = feature .. "." .. name, title
  end
  return operations
end

--- The operations of a feature: what its handler does, and what its api promises of it. Each has both.
---@param name string "identity"
---@return table<string, {handler: function, api: table}>
function openapi.feature(name)
  local handler, api, operations = require(name .. ".handler"), require(name .. ".api"), {}
  for operation, promise in pairs(api) do
    assert(handler[operation], ("%s.api promises %s, and there is no handler"):format(name, operation))
    operations[operation] = { handler = handler[operation], api = promise }
  end
  for operation in pairs(handler) do
    assert(api[operation], ("%s.handler has %s, and its api does not say what it promises"):format(name, operation))
  end
  return operations
end

local table_of_routes

--- Completes the routes for the web layer, and keeps them for the document.
---@param routes table[]
---@param step_up fun(handler: function): function  wraps the handlers of the routes that say `step_up`
---@param guard fun(route: table, handler: function): function  stands before all of them
---@return table[] routes
function openapi.routes(routes, step_up, guard)
  local seen = {}
  for _, route in ipairs(routes) do
    local name <const> = route.method .. " " .. route.path
    local operation = assert(route.operation, "app.lua: there is no such operation: " .. name)
    local before = seen[operation]
    assert(not before, before and ("app.lua: %s and %s share an operation"):format(before, name))
    seen[operation] = name
    route.handler, route.api = operation.handler, operation.api
    if route.step_up then
      route.handler = step_up(operation.handler)
    end
    if route.api.etag and route.method == "GET" then
      route.handler = etag.conditional(route.handler)
    end
    route.handler = guard(route, route.handler)
  end
  table_of_routes = routes
  return routes
end

local function sorted_names(fields)
  local names = {}
  for name in pairs(fields) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

local function parameters_of(route)
  local list = tg.json.array({})
  for name in route.path:gmatch("{([%w_]+)}") do
    local prefix = (route.api.ids or {})[name]
    local schema = prefix and v.id(prefix).json or { type = "string", minLength = 1 }
    list[#list + 1] = { name = name, ["in"] = "path", required = true, schema = schema }
  end
  for _, name in ipairs(sorted_names(route.api.query or {})) do
    local field = route.api.query[name]
    list[#list + 1] = {
      name = name, ["in"] = "query", required = route.api.needs and route.api.needs[name] or false,
      description = field.shape.json.description, schema = field.shape.json,
    }
  end
  if route.api.once then
    list[#list + 1] = { ["$ref"] = "#/components/parameters/IdempotencyKey" }
  end
  if route.api.etag then
    local which <const> = route.api.body and "IfMatch" or "IfNoneMatch"
    list[#list + 1] = { ["$ref"] = "#/components/parameters/" .. which }
  end
  if route.permission then
    list[#list + 1] = { ["$ref"] = "#/components/parameters/TollgateCompany" }
  end
  return list
end

local function content_of(shape, example)
  if shape.type then -- not JSON
    return { [shape.type] = { schema = shape.shape and shape.shape.json or { type = "string" }, example = example } }
  end
  return { ["application/json"] = { schema = shape.json, example = example } }
end

local function body_of(api)
  local example = api.example and api.example.body
  local content = {}
  for _, shape in ipairs(api.body[1] and api.body or { api.body }) do
    for media_type, entry in pairs(content_of(shape, shape.example or example)) do
      content[media_type] = entry
    end
  end
  return { required = true, content = content }
end

-- What any request of this kind may meet, whoever wrote the handler.
local function refusals_of(route)
  local api, status = route.api, { 400, 405, 414, 429, 500, 502, 503, 504 }
  if route.permission then
    status[#status + 1] = 401
    status[#status + 1] = 403
  end
  if route.path:find("{", 1, true) then
    status[#status + 1] = 404
  end
  if api.body then
    status[#status + 1] = 413
    status[#status + 1] = 415
  end
  if api.body or next(api.query or {}) then
    status[#status + 1] = 422
  end
  if api.once then
    status[#status + 1] = 409
  end
  if api.etag and api.body then
    status[#status + 1] = 412
  end
  local refusals = {}
  for _, number in ipairs(status) do
    refusals[number] = REASONS[number]
  end
  for number, text in pairs(api.refusals or {}) do
    refusals[number] = text
  end
  return refusals
end

-- Of a shape, of several of different types, or of false.
local function contents_of(shapes)
  local content = nil
  for _, shape in ipairs(shapes and (shapes[1] and shapes or { shapes }) or {}) do
    content = content or {}
    for media_type, entry in pairs(content_of(shape)) do
      content[media_type] = entry
    end
  end
  return content
end

local function answers_of(route)
  local answers = {}
  for number, shape in pairs(route.api.answers) do
    answers[tostring(number)] = {
      description = shape and shape.json and shape.json.description or REASONS[number], content = contents_of(shape),
      headers = route.api.etag and { ETag = { ["$ref"] = "#/components/headers/ETag" } } or nil,
    }
  end
  if route.api.etag and route.method == "GET" then
    answers["304"] = { description = REASONS[304], headers = answers["200"].headers }
  end
  for number, text in pairs(refusals_of(route)) do
    local key = tostring(number)
    answers[key] = answers[key] or {
      description = text,
      headers = number == 429 and RATE_HEADERS or nil,
      content = { ["application/problem+json"] = { schema = { ["$ref"] = "#/components/schemas/Problem" } } },
    }
  end
  return answers
end

local function operation_of(route)
  local api = route.api
  local description = api.description
  if route.permission then
    local needs <const> = ("Needs the permission `%s`."):format(route.permission)
    description = description and description .. "\n\n" .. needs or needs
  end
  if route.step_up then
    description = description .. STEP_UP
  end
  return {
    operationId = api.id, summary = api.summary, description = description, tags = { api.section },
    parameters = parameters_of(route), requestBody = api.body and body_of(api) or nil, responses = answers_of(route),
    security = route.permission and { { key = tg.json.array({}) }, { cookie = tg.json.array({}) } }
      or tg.json.array({}),
    ["x-permission"] = route.permission, ["x-step-up"] = route.step_up,
    ["x-no-policy"] = route.no_policy,
  }
end

--- The document. Its sections are in the order of the routes.
---@return table
function openapi.document()
  local paths, tags, seen = {}, tg.json.array({}), {}
  for _, route in ipairs(table_of_routes) do
    local title <const> = route.api.section
    paths[route.path] = paths[route.path] or {}
    paths[route.path][route.method:lower()] = operation_of(route)
    if not seen[title] then
      seen[title], tags[#tags + 1] = true, { name = title, description = abouts[title] }
    end
  end
  return {
    openapi = "3.1.0",
    info = {
      title = "Tollgate",
      version = "1",
      summary = "Charges, bills and gets paid for AI call centers, in real time.",
      description = "Amounts are decimals as strings. Times are RFC 3339 in UTC. Unknown fields and parameters are "
        .. "refused. Errors are problem documents (RFC 9457). X-Request-Id goes in and comes out.\n\nLists come in "
        .. "pages: `next_cursor` of one is `cursor` of the next. Lists that people fill take `sort`, and their first "
        .. "page says the `total`. Usage, entries of wallets and the audit log are in the order of time and have no "
        .. "total: to count them would cost more each day.",
      license = { name = "Apache-2.0", identifier = "Apache-2.0" },
    },
    servers = { { url = "/" } },
    tags = tags,
    paths = paths,
    components = {
      schemas = { Problem = problem },
      headers = {
        ETag = { description = "names this state: for If-Match and If-None-Match", schema = { type = "string" } },
        ["RateLimit-Limit"] = { description = "how many requests at once", schema = { type = "integer" } },
        ["RateLimit-Remaining"] = { description = "how many are left", schema = { type = "integer" } },
        ["RateLimit-Reset"] = { description = "seconds until all are", schema = { type = "integer" } },
        ["Retry-After"] = { description = "seconds until one is", schema = { type = "integer" } },
      },
      securitySchemes = {
        key = {
          type = "http", scheme = "bearer", description = "An API key or a session: `Authorization: Bearer <token>`",
        },
        cookie = {
          type = "apiKey", ["in"] = "cookie", name = "__Host-tollgate",
          description = "A session of a browser (sign in with `cookie: true`). What is not GET repeats `csrf` of the "
            .. "sign-in, or of `GET /v1/me`, in X-CSRF-Token. Without TLS, and on one machine only, it is `tollgate`.",
        },
      },
      parameters = {
        TollgateCompany = {
          name = "Tollgate-Company", ["in"] = "header", required = false,
          description = "The company to act in: the caller's own, which it is without this header, or one below it.",
          schema = v.id("co").json,
        },
        IfMatch = {
          name = "If-Match", ["in"] = "header", required = false,
          description = "The ETag of what is to be changed: when somebody else has changed it meanwhile, nothing "
            .. "happens, and the answer is 412.",
          schema = { type = "string", minLength = 1 },
        },
        IfNoneMatch = {
          name = "If-None-Match", ["in"] = "header", required = false,
          description = "The ETag of what is known already: when that is still its state, the answer is 304.",
          schema = { type = "string", minLength = 1 },
        },
        IdempotencyKey = {
          name = "Idempotency-Key", ["in"] = "header", required = false,
          description = "Of the caller's choice: a repeat with the same key and body gets the first answer, and "
            .. "nothing happens twice.",
          schema = { type = "string", minLength = 1, maxLength = 255 },
        },
      },
    },
  }
end

return openapi
