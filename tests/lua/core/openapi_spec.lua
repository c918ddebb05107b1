local openapi = require("core.openapi")
local v = require("core.validate")

local function handler()
  return 200
end

-- No route of these has a step-up, and nobody's policies are asked.
local function routes(list)
  return openapi.routes(list, nil, function(_, as_it_is)
    return as_it_is
  end)
end

-- Modules of a feature that exists only here.
local function feature(handlers, promises)
  package.loaded["parrots.handler"] = handlers
  package.loaded["parrots.api"] = openapi.section("parrots", "Parrots", "They talk.", promises)
  return openapi.feature("parrots")
end

local parrot <const> = v.object({ name = v.string({ max = 10 }) })

describe("the API document", function()
  after_each(function()
    package.loaded["parrots.handler"], package.loaded["parrots.api"] = nil, nil
  end)

  it("describes a route by the shape that checks it", function()
    local parrots = feature({ teach = handler }, {
      teach = { summary = "Teach", body = parrot, answers = { [201] = parrot }, once = true },
    })
    routes({ { method = "POST", path = "/parrots/{id}/words", operation = parrots.teach, permission = "p:w" } })
    local operation = openapi.document().paths["/parrots/{id}/words"].post
    assert.equal("parrots.teach", operation.operationId)
    assert.equal(parrot.json, operation.requestBody.content["application/json"].schema)
    assert.same({ "id", "path" }, { operation.parameters[1].name, operation.parameters[1]["in"] })
    assert.equal("#/components/parameters/IdempotencyKey", operation.parameters[2]["$ref"])
    assert.equal("p:w", operation["x-permission"])
    for _, status in ipairs({ "201", "401", "403", "404", "409", "413", "422", "429", "503" }) do
      assert.is_table(operation.responses[status], status)
    end
  end)

  it("says what a section is about, once", function()
    local parrots = feature({ hear = handler, see = handler }, {
      hear = { summary = "Hear", answers = { [200] = parrot } },
      see = { summary = "See", answers = { [200] = parrot } },
    })
    routes({
      { method = "GET", path = "/parrots", operation = parrots.hear, public = "they are loud" },
      { method = "GET", path = "/parrots/{id}", operation = parrots.see, public = "they are green" },
    })
    assert.same({ { name = "Parrots", description = "They talk." } }, openapi.document().tags)
  end)

  it("asks for no key, and promises no 401, where a route is public", function()
    local parrots = feature({ hear = handler }, { hear = { summary = "Hear", answers = { [200] = parrot } } })
    routes({ { method = "GET", path = "/parrots", operation = parrots.hear, public = "they are loud" } })
    local operation = openapi.document().paths["/parrots"].get
    assert.same({}, operation.security)
    assert.is_nil(operation.responses["401"])
  end)

  it("refuses a promise that nobody keeps", function()
    assert.has_error(function()
      feature({}, { fly = { summary = "Fly", answers = { [200] = parrot } } })
    end, "parrots.api promises fly, and there is no handler")
  end)

  it("refuses a handler that promises nothing", function()
    assert.has_error(function()
      feature({ bite = handler }, {})
    end, "parrots.handler has bite, and its api does not say what it promises")
  end)

  it("refuses an operation without a summary", function()
    assert.has_error(function()
      openapi.section("parrots", "Parrots", "They talk.", { fly = { answers = { [200] = parrot } } })
    end, "parrots.api: fly says too little")
  end)

  it("refuses a route whose operation is misspelt", function()
    local parrots = feature({ hear = handler }, { hear = { summary = "Hear", answers = { [200] = parrot } } })
    assert.has_error(function()
      routes({ { method = "GET", path = "/parrots", operation = parrots.here, public = "x" } })
    end, "app.lua: there is no such operation: GET /parrots")
  end)
end)

describe("the schema of a shape", function()
  it("says what an object needs and that it takes nothing else", function()
    local shape = v.object({ a = v.integer(1, 9), b = v.optional(v.boolean()) })
    assert.same({
      type = "object", required = { "a" }, additionalProperties = false,
      properties = { a = { type = "integer", minimum = 1, maximum = 9 }, b = { type = "boolean" } },
    }, shape.json)
  end)

  it("has null beside the rest where null is taken", function()
    assert.same({ anyOf = { { type = "boolean" }, { type = "null" } } }, v.or_null(v.boolean()).json)
  end)

  it("keeps what a further question may refuse", function()
    local even = v.also(v.integer(0, 10), function(clean, pointer, faults)
      if clean % 2 == 1 then
        faults[#faults + 1] = { pointer = pointer, detail = "must be even" }
      end
    end)
    assert.equal(4, (v.check(even, 4)))
    assert.equal("must be even", select(2, v.check(even, 3)).errors[1].detail)
    assert.equal("must be a whole number", select(2, v.check(even, "x")).errors[1].detail)
    assert.equal(10, even.json.maximum)
  end)

  it("can be described without changing what it takes", function()
    local shape = v.described(v.optional(v.integer(0, 10)), "how many")
    assert.is_true(shape.optional)
    assert.same({ type = "integer", minimum = 0, maximum = 10, description = "how many" }, shape.shape.json)
  end)
end)
